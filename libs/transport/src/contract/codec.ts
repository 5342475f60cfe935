/**
 * Turns payloads into bytes and back. Told apart on the wire by content type.
 *
 * Both ways may answer with a promise, as a codec has to that asks a schema registry. Answer at once where you can: a promise
 * costs a turn per message, and what is published behind it waits, so that the order is kept.
 */
export interface Codec {
  /** Written to the `content-type` header unless it is JSON's. */
  readonly contentType: string;
  /**
   * @param topic where the message goes
   * @throws TransportError `TRANSPORT_PAYLOAD_UNENCODABLE`
   */
  encode(payload: unknown, topic: string): Buffer | Promise<Buffer>;
  /**
   * What it gives may be a promise.
   * @param topic where the message came from
   * @throws TransportError `TRANSPORT_PAYLOAD_UNDECODABLE`: never tried again; any other `TransportError` goes by its own code
   */
  decode(body: Buffer, topic: string): unknown;
  /** Which content types it reads. @default its own, and for a JSON type every JSON type */
  reads?(contentType: string | undefined): boolean;
  /** Loads what it needs. Called before intake starts, so that a package that is missing stops the start, and not each message. */
  prepare?(): Promise<void>;
}

/** A codec that never answers with a promise. */
export interface SyncCodec extends Codec {
  encode(payload: unknown, topic?: string): Buffer;
}

/** Whether a value has what a codec needs. */
export function isCodec(value: unknown): value is Codec {
  const { contentType, encode, decode } = Object(value) as Partial<Codec>;
  return typeof contentType === 'string' && typeof encode === 'function' && typeof decode === 'function';
}

const JSON_CONTENT_TYPE = 'application/json';

/** True for `application/json`, `text/json` and any `+json` type, with or without parameters. */
export function isJsonContentType(contentType: string): boolean {
  const essence = essenceOf(contentType);
  return essence === JSON_CONTENT_TYPE || essence === 'text/json' || essence.endsWith('+json');
}

/** A content type without its parameters, in lower case. */
export function essenceOf(contentType: string): string {
  return (contentType.split(';', 1)[0] ?? '').trim().toLowerCase();
}
