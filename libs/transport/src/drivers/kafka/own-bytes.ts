import type { FetchedRecord } from './client/seam.js';

/** Whether a slice keeps much more memory alive than its own: a fetch response is one buffer of up to `maxBytes`. */
const holdsBack = (bytes: Buffer): boolean => bytes.buffer.byteLength > 2 * bytes.length;

const ownBytes = (bytes: Buffer | null): Buffer | null =>
  bytes !== null && holdsBack(bytes) ? Buffer.from(bytes) : bytes;

/** Copies the record's bytes, so that a message which waits for hours does not keep its whole fetch response in memory. */
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
