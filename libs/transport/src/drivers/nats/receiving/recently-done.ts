import type { SettledMark } from './settled-mark.js';

/** Messages of one generation; two of them are remembered. */
const GENERATION = 1_024;

/**
 * The last messages of a consumer that this process has settled for good. A settlement can be lost on its way; the server then
 * delivers a message again that is done, and it can be told so once more, with nobody handling it a second time.
 */
export class RecentlyDone {
  #young = new Map<number, SettledMark>();
  #old = new Map<number, SettledMark>();

  add(mark: SettledMark): void {
    this.#young.set(mark.sequence, mark);
    if (this.#young.size < GENERATION) return;
    this.#old = this.#young;
    this.#young = new Map();
  }

  has(sequence: number): boolean {
    return this.#young.has(sequence) || this.#old.has(sequence);
  }

  get(sequence: number): SettledMark | undefined {
    return this.#young.get(sequence) ?? this.#old.get(sequence);
  }

  /** Oldest first. */
  *all(): Iterable<SettledMark> {
    yield* this.#old.values();
    yield* this.#young.values();
  }

  clear(): void {
    this.#young.clear();
    this.#old.clear();
  }
}
