/** Messages of one generation; two of them are remembered. */
const GENERATION = 1_024;

/**
 * The last messages of a consumer that this process has settled for good. A settlement can be lost on its way; the server then
 * delivers a message again that is done, and it can be told so once more, with nobody handling it a second time.
 */
export class RecentlyDone {
  #young = new Map<number, string>();
  #old = new Map<number, string>();

  /** @param address where its settlement went */
  add(sequence: number, address: string): void {
    this.#young.set(sequence, address);
    if (this.#young.size < GENERATION) return;
    this.#old = this.#young;
    this.#young = new Map();
  }

  has(sequence: number): boolean {
    return this.#young.has(sequence) || this.#old.has(sequence);
  }

  /** Oldest first. */
  *addresses(): Iterable<string> {
    yield* this.#old.values();
    yield* this.#young.values();
  }

  clear(): void {
    this.#young.clear();
    this.#old.clear();
  }
}
