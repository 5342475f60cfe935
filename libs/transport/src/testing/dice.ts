/**
 * Seeded randomness: a value depends only on the seed and the place, not on earlier calls. A fault therefore hits
 * the same message in every run of a seed, although other events happen in another order.
 */
export class Dice {
  readonly seed: number;

  constructor(seed: number) {
    this.seed = seed;
  }

  /** A number in [0, 1). */
  roll(...place: readonly (string | number)[]): number {
    return mix(hash(`${this.seed} ${place.join(' ')}`)) / 2 ** 32;
  }
}

/** A sequence of numbers in [0, 1), the same for the same seed. Mulberry32, by Tommy Ettinger (public domain). */
export function seededRandom(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let word = Math.imul(state ^ (state >>> 15), state | 1);
    word ^= word + Math.imul(word ^ (word >>> 7), word | 61);
    return ((word ^ (word >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** A seed for runs without one; it is reported, so that the run can be repeated. */
export const anySeed = (): number => Math.floor(Math.random() * 2 ** 31);

/** FNV-1a (http://www.isthe.com/chongo/tech/comp/fnv/), 32 bits over UTF-16 units. */
function hash(text: string): number {
  let word = 0x811c9dc5;
  for (let index = 0; index < text.length; index++) word = Math.imul(word ^ text.charCodeAt(index), 0x01000193);
  return word >>> 0;
}

/** The last step of MurmurHash3 (public domain): places that differ in one digit become numbers that have nothing in common. */
function mix(word: number): number {
  let mixed = word ^ (word >>> 16);
  mixed = Math.imul(mixed, 0x85ebca6b);
  mixed = Math.imul(mixed ^ (mixed >>> 13), 0xc2b2ae35);
  return (mixed ^ (mixed >>> 16)) >>> 0;
}
