import { TransportError } from '../contract/index.js';

/*
 * What Confluent's serializers put before a payload:
 *
 *   byte   0         1 .. 4                   5 ..
 *          magic: 0  schema id (big-endian)   payload
 *
 * Source: https://docs.confluent.io/platform/current/schema-registry/fundamentals/serdes-develop/index.html#wire-format
 */
const MAGIC = 0;
const HEADER_BYTES = 5;

export function frame(schemaId: number, payload: Uint8Array): Buffer {
  const framed = Buffer.allocUnsafe(HEADER_BYTES + payload.length);
  framed[0] = MAGIC;
  framed.writeInt32BE(schemaId, 1);
  framed.set(payload, HEADER_BYTES);
  return framed;
}

/** Splits a body into schema id and payload. @throws TransportError `TRANSPORT_PAYLOAD_UNDECODABLE` */
export function unframe(body: Buffer): { readonly schemaId: number; readonly payload: Buffer } {
  if (body.length < HEADER_BYTES || body[0] !== MAGIC) {
    throw new TransportError(
      'TRANSPORT_PAYLOAD_UNDECODABLE',
      `The body (${body.length} bytes) was not written with a schema registry: it does not start with a zero byte and a schema id.`,
    );
  }
  return { schemaId: body.readInt32BE(1), payload: body.subarray(HEADER_BYTES) };
}
