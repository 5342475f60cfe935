import { messageOf, TransportError, type SyncCodec } from '../contract/index.js';
import { refuseHostileNames } from './json-safety.js';
import { refuseLostValues } from './json-values.js';

const JSON_CONTENT_TYPE = 'application/json';

function encode(payload: unknown): Buffer {
  const text = textOf(payload);
  refuseLostValues(text, payload);
  return Buffer.from(text, 'utf8');
}

function textOf(payload: unknown): string {
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
  return text;
}

function decode(body: Buffer): unknown {
  // n.b. a byte order mark is legal in no JSON text (RFC 8259, 8.1), but readers may skip it, and Windows programs write it.
  const text = body.toString('utf8', body[0] === 0xef && body[1] === 0xbb && body[2] === 0xbf ? 3 : 0);
  const payload = parse(text, body.length);
  refuseHostileNames(text, payload);
  return payload;
}

function parse(text: string, bytes: number): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    // n.b. neither the parser's message nor the cause: both quote the payload, and errors go into logs.
    const what = bytes === 0 ? ': it is empty' : '';
    throw new TransportError('TRANSPORT_PAYLOAD_UNDECODABLE', `The body (${bytes} bytes) is not JSON${what}.`);
  }
}

/**
 * JSON, UTF-8 (RFC 8259). The default codec. It refuses payloads that hold what JSON has no word for (`Map`, `Set`, typed arrays,
 * `NaN`, ...), with the path, and bodies with names that would poison a prototype.
 */
export const jsonCodec: SyncCodec & { decode(body: Buffer): unknown } = {
  contentType: JSON_CONTENT_TYPE,
  encode,
  decode,
};

/** As `jsonCodec`, and writes every payload as `JSON.stringify` does: a `Map` as `{}`, `NaN` as `null`. Reads the same. */
export const lossyJsonCodec: SyncCodec & { decode(body: Buffer): unknown } = {
  contentType: JSON_CONTENT_TYPE,
  encode: (payload) => Buffer.from(textOf(payload), 'utf8'),
  decode,
};
