import type { FetchedRecord } from './client/seam.js';

/** A slice that holds back much more than itself: the answer to a fetch is one buffer, of up to `maxBytes`. */
const holdsBack = (bytes: Buffer): boolean => bytes.buffer.byteLength > 2 * bytes.length;

const ownBytes = (bytes: Buffer | null): Buffer | null =>
  bytes !== null && holdsBack(bytes) ? Buffer.from(bytes) : bytes;

/** The same record in memory of its own, so that a message which waits for hours does not hold back the fetch it came with. */
export function withOwnBytes<Record extends FetchedRecord>(record: Record): Record {
  const { key, value, headers } = record;
  return { ...record, key: ownBytes(key), value: ownBytes(value), headers: headers && ownHeaders(headers) };
}

const ownHeaders = (headers: Readonly<Record<string, unknown>>): Record<string, unknown> =>
  Object.fromEntries(Object.entries(headers).map(([name, value]) => [name, ownHeader(value)]));

function ownHeader(value: unknown): unknown {
  if (Buffer.isBuffer(value)) return ownBytes(value);
  return Array.isArray(value) ? value.map(ownHeader) : value;
}
