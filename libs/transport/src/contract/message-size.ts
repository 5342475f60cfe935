import type { OutgoingMessage } from './message.js';

/** Bytes that a header costs in addition to its text, on the broker where this is largest. */
const HEADER_OVERHEAD_BYTES = 8;

/**
 * Returns an upper bound of the message's size as a broker counts it, assuming the longest encoding of each character.
 */
export function sizeAtMost({ body, key, headers }: OutgoingMessage): number {
  let size = body === null ? 0 : body.length;
  if (key !== undefined) size += key.length * 3;
  for (const name in headers) size += name.length + (headers[name] as string).length * 3 + HEADER_OVERHEAD_BYTES;
  return size;
}

/** Returns the exact size; slower than `sizeAtMost`. */
export function exactSize({ body, key, headers }: OutgoingMessage): number {
  const text = Object.entries(headers ?? {}).reduce(
    (sum, [name, value]) => sum + Buffer.byteLength(name) + Buffer.byteLength(value) + HEADER_OVERHEAD_BYTES,
    0,
  );
  return (body?.length ?? 0) + (key === undefined ? 0 : Buffer.byteLength(key)) + text;
}
