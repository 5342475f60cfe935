/** The resolution of the window: expired counts are dropped a tenth at a time. */
const SLICES = 10;
/** Maximum number of failure kinds per slice, because messages that never repeat must not fill the memory. */
const MAX_KINDS = 100;

interface Slice {
  readonly number: number;
  ended: number;
  readonly failures: Map<string, { count: number; readonly keys: Set<string> }>;
}

/** What is known about one kind of failure in the window. */
export interface FailureKind {
  /** Number of different keys; not counted beyond `maxKeys`. */
  readonly keys: number;
  /** Share of all attempts that ended, from 0 to 1. */
  readonly share: number;
}

/** Counts how attempts ended in the last `windowMs`. */
export class FailureWindow {
  readonly #sliceMs: number;
  readonly #maxKeys: number;
  #slices: Slice[] = [];

  constructor(windowMs: number, maxKeys: number) {
    this.#sliceMs = windowMs / SLICES;
    this.#maxKeys = maxKeys;
  }

  succeeded(nowMs: number): void {
    this.#slice(nowMs).ended++;
  }

  failed(nowMs: number, fingerprint: string, key: string): FailureKind {
    const slice = this.#slice(nowMs);
    slice.ended++;
    const known = slice.failures.get(fingerprint) ?? { count: 0, keys: new Set<string>() };
    if (slice.failures.size < MAX_KINDS) slice.failures.set(fingerprint, known);
    known.count++;
    if (known.keys.size < this.#maxKeys) known.keys.add(key);
    return this.#kind(fingerprint);
  }

  forget(): void {
    this.#slices = [];
  }

  #kind(fingerprint: string): FailureKind {
    const keys = new Set<string>();
    let ended = 0;
    let failed = 0;
    for (const slice of this.#slices) {
      ended += slice.ended;
      const known = slice.failures.get(fingerprint);
      failed += known?.count ?? 0;
      for (const key of known?.keys ?? []) keys.add(key);
    }
    return { keys: keys.size, share: failed / ended };
  }

  #slice(nowMs: number): Slice {
    const number = Math.floor(nowMs / this.#sliceMs);
    const last = this.#slices.at(-1);
    if (last?.number === number) return last;
    const slice = { number, ended: 0, failures: new Map() };
    this.#slices = [...this.#slices.filter((old) => old.number > number - SLICES), slice];
    return slice;
  }
}
