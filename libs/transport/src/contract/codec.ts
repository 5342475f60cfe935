/**
 * Turns payloads into bytes and back. The content type in the message selects the codec.
 *
 * Both methods can return a Promise, as a codec that uses a schema registry must. Return a value where you can: a
 * Promise costs a turn of the event loop per message, and later publishes wait for it to keep the order.
 */
export interface Codec {
  /** Value of the `content-type` header; JSON writes no header. */
  readonly contentType: string;
  /**
   * Turns a payload into bytes.
   * @param topic the message's destination
   * @throws TransportError `TRANSPORT_PAYLOAD_UNENCODABLE`
   */
  encode(payload: unknown, topic: string): Buffer | Promise<Buffer>;
  /**
   * Turns the bytes of a received message into a payload, or a Promise of one.
   * @param topic where the message came from
   * @throws TransportError `TRANSPORT_PAYLOAD_UNDECODABLE`, which is never retried; for any other `TransportError` its
   *   own code decides
   */
  decode(body: Buffer, topic: string): unknown;
  /** Whether it reads a content type. @default its own; a JSON codec reads every JSON type */
  reads?(contentType: string | undefined): boolean;
  /**
   * Loads what the codec needs before intake starts, so that a missing package fails the start and not each message.
   */
  prepare?(): Promise<void>;
}

/** A codec that never returns a Promise. */
export interface SyncCodec extends Codec {
  encode(payload: unknown, topic?: string): Buffer;
}

/** Whether a value has the fields and methods of a codec. */
export function isCodec(value: unknown): value is Codec {
  const { contentType, encode, decode } = Object(value) as Partial<Codec>;
  return typeof contentType === 'string' && typeof encode === 'function' && typeof decode === 'function';
}

/** RFC 8259, 11. A message without a content type is JSON, too. */
export const JSON_CONTENT_TYPE = 'application/json';

/** True for `application/json`, `text/json` and any `+json` type, with or without parameters. */
export function isJsonContentType(contentType: string): boolean {
  const essence = essenceOf(contentType);
  return essence === JSON_CONTENT_TYPE || essence === 'text/json' || essence.endsWith('+json');
}

/** Returns a content type without its parameters, in lower case. */
export function essenceOf(contentType: string): string {
  return (contentType.split(';', 1)[0] ?? '').trim().toLowerCase();
}
