import type { OutgoingMessage } from './message.js';

/** Bytes a header costs beside its own text, on the broker where it costs most. */
const HEADER_OVERHEAD_BYTES = 8;

/** The size of a message as a broker counts it: never less than it really is, for text is counted at its longest. */
export function sizeAtMost({ body, key, headers }: OutgoingMessage): number {
  let size = body === null ? 0 : body.length;
  if (key !== undefined) size += key.length * 3;
  for (const name in headers) size += name.length + (headers[name] as string).length * 3 + HEADER_OVERHEAD_BYTES;
  return size;
}

/** The same, exactly; slower. */
export function exactSize({ body, key, headers }: OutgoingMessage): number {
  const text = Object.entries(headers ?? {}).reduce(
    (sum, [name, value]) => sum + Buffer.byteLength(name) + Buffer.byteLength(value) + HEADER_OVERHEAD_BYTES,
    0,
  );
  return (body?.length ?? 0) + (key === undefined ? 0 : Buffer.byteLength(key)) + text;
}
