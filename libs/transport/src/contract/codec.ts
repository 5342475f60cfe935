import { TransportError, messageOf } from './errors.js';

/** Turns payloads into bytes and back. Told apart on the wire by content type. */
export interface Codec {
  /** Written to the `content-type` header unless it is JSON's. */
  readonly contentType: string;
  /** @throws TransportError `TRANSPORT_PAYLOAD_UNENCODABLE` */
  encode(payload: unknown): Buffer;
  /** @throws TransportError `TRANSPORT_PAYLOAD_UNDECODABLE` */
  decode(body: Buffer): unknown;
}

const JSON_CONTENT_TYPE = 'application/json';

function encode(payload: unknown): Buffer {
  let text: string | undefined;
  try {
    text = JSON.stringify(payload);
  } catch (cause) {
    throw new TransportError(
      'TRANSPORT_PAYLOAD_UNENCODABLE',
      `The payload cannot be written as JSON: ${messageOf(cause)}.`,
      { cause },
    );
  }
  if (text === undefined) {
    throw new TransportError(
      'TRANSPORT_PAYLOAD_UNENCODABLE',
      `A payload of type ${typeof payload} has no JSON form; publish null to say "nothing".`,
    );
  }
  return Buffer.from(text, 'utf8');
}

function decode(body: Buffer): unknown {
  // n.b. a byte order mark is legal in no JSON text (RFC 8259, 8.1), but readers may skip it, and Windows programs write it.
  const text = body.toString('utf8', body[0] === 0xef && body[1] === 0xbb && body[2] === 0xbf ? 3 : 0);
  try {
    return JSON.parse(text) as unknown;
  } catch {
    // n.b. neither the parser's message nor the cause: both quote the payload, and errors go into logs.
    const what = body.length === 0 ? ': it is empty' : '';
    throw new TransportError('TRANSPORT_PAYLOAD_UNDECODABLE', `The body (${body.length} bytes) is not JSON${what}.`);
  }
}

/** JSON, UTF-8 (RFC 8259). The default codec. */
export const jsonCodec: Codec = { contentType: JSON_CONTENT_TYPE, encode, decode };

/** True for `application/json`, `text/json` and any `+json` type, with or without parameters. */
export function isJsonContentType(contentType: string): boolean {
  const essence = (contentType.split(';', 1)[0] ?? '').trim().toLowerCase();
  return essence === JSON_CONTENT_TYPE || essence === 'text/json' || essence.endsWith('+json');
}
