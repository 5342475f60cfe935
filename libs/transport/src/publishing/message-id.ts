import { randomFillSync } from 'node:crypto';

const POOL_BYTES = 4_096;
const RANDOM_BYTES_PER_ID = 10;
const HEX = Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, '0'));

/**
 * Makes UUIDs of version 7 (RFC 9562, 5.7): 48 bits of milliseconds, then 74 random bits.
 *
 * ```
 * tttttttt-tttt-7rrr-Vrrr-rrrrrrrrrrrr      V: two bits 10, two bits random
 * ```
 * Random bytes come from a pool and the time's text is kept for its millisecond: a call costs a fraction of a microsecond.
 */
export function messageIds(now: () => number): () => string {
  const pool = new Uint8Array(POOL_BYTES);
  let used = POOL_BYTES;
  let stampedAt = -1;
  let stamp = '';
  const hex = (index: number): string => HEX[pool[index] as number] as string;
  return () => {
    if (used + RANDOM_BYTES_PER_ID > POOL_BYTES) {
      randomFillSync(pool);
      used = 0;
    }
    const time = now();
    if (time !== stampedAt) {
      stampedAt = time;
      stamp = stampOf(time);
    }
    const at = used;
    used += RANDOM_BYTES_PER_ID;
    const variant = HEX[0x80 | ((pool[at + 2] as number) & 0x3f)] as string;
    return (
      stamp +
      hex(at)[0] +
      hex(at + 1) +
      '-' +
      variant +
      hex(at + 3) +
      '-' +
      hex(at + 4) +
      hex(at + 5) +
      hex(at + 6) +
      hex(at + 7) +
      hex(at + 8) +
      hex(at + 9)
    );
  };
}

function stampOf(time: number): string {
  const hex = Math.floor(time).toString(16).padStart(12, '0').slice(-12);
  return `${hex.slice(0, 8)}-${hex.slice(8)}-7`;
}
