import { JSON_CONTENT_TYPE, messageOf, TransportError, type SyncCodec } from '../contract/index.js';
import { refuseHostileNames } from './json-safety.js';
import { refuseLostValues } from './json-values.js';

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
      `A payload of type ${typeof payload} cannot be written as JSON. Publish null for an empty payload.`,
    );
  }
  return text;
}

function decode(body: Buffer): unknown {
  // A byte order mark is not valid in JSON (RFC 8259, 8.1), but readers may skip it, and Windows programs write it.
  const text = body.toString('utf8', body[0] === 0xef && body[1] === 0xbb && body[2] === 0xbf ? 3 : 0);
  const payload = parse(text, body.length);
  refuseHostileNames(text, payload);
  return payload;
}

function parse(text: string, bytes: number): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    // The parser's message and the cause both quote the payload, and errors go into logs.
    const what = bytes === 0 ? ': it is empty' : '';
    throw new TransportError('TRANSPORT_PAYLOAD_UNDECODABLE', `The body (${bytes} bytes) is not JSON${what}.`);
  }
}

/**
 * Encodes payloads as JSON in UTF-8 (RFC 8259). The default codec. It rejects payloads with values that JSON cannot
 * represent (`Map`, `Set`, typed arrays, `NaN`, ...), with the path, and bodies with names that could pollute a
 * prototype.
 */
export const jsonCodec: SyncCodec & { decode(body: Buffer): unknown } = {
  contentType: JSON_CONTENT_TYPE,
  encode,
  decode,
};

/** Encodes every payload as `JSON.stringify` does: a `Map` as `{}`, `NaN` as `null`. Decodes like `jsonCodec`. */
export const lossyJsonCodec: SyncCodec & { decode(body: Buffer): unknown } = {
  contentType: JSON_CONTENT_TYPE,
  encode: (payload) => Buffer.from(textOf(payload), 'utf8'),
  decode,
};
