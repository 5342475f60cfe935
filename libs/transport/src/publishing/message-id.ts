import { randomFillSync } from 'node:crypto';

const IDS_PER_POOL = 256;
const BYTES_PER_ID = 10;
const HEX_PER_ID = 2 * BYTES_PER_ID;
const VARIANTS = '89ab';

/**
 * Creates UUIDs of version 7 (RFC 9562, 5.7): 48 bits of milliseconds, then 74 random bits.
 *
 * ```
 * tttttttt-tttt-7rrr-Vrrr-rrrrrrrrrrrr      V: two bits 10, two bits random
 * ```
 * Random digits come from a pool, and the text of the time is cached for its millisecond. An id is concatenated from
 * few parts, because every `+` creates an object that lives as long as the id.
 */
export function messageIds(now: () => number): () => string {
  const pool = Buffer.alloc(IDS_PER_POOL * BYTES_PER_ID);
  let digits = '';
  let used = Infinity;
  let stampedAt = -1;
  let stamp = '';
  return () => {
    if (used >= digits.length) {
      digits = randomFillSync(pool).toString('hex');
      used = 0;
    }
    const time = now();
    if (time !== stampedAt) {
      stampedAt = time;
      stamp = stampOf(time);
    }
    const at = used;
    used += HEX_PER_ID;
    const variant = VARIANTS[(pool[at >> 1] as number) & 3] as string;
    const middle = digits.slice(at + 2, at + 5) + '-' + variant + digits.slice(at + 5, at + 8) + '-';
    return stamp + middle + digits.slice(at + 8, used);
  };
}

function stampOf(time: number): string {
  const hex = Math.floor(time).toString(16).padStart(12, '0').slice(-12);
  return `${hex.slice(0, 8)}-${hex.slice(8)}-7`;
}
