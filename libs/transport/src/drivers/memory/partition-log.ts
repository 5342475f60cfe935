import type { MemoryRecord } from './mapping.js';

/** The messages of one partition, oldest first, with offsets that never change. */
export class PartitionLog {
  readonly #retained: number;
  readonly #cursors: (() => number)[] = [];
  #records: MemoryRecord[] = [];
  #start = 0;

  /** @param retained messages kept although every reader has passed them */
  constructor(retained: number) {
    this.#retained = retained;
  }

  /** Offset of the oldest message that is kept. */
  get start(): number {
    return this.#start;
  }

  /** Offset of the next message. */
  get end(): number {
    return this.#start + this.#records.length;
  }

  append(record: MemoryRecord): void {
    this.#records.push(record);
    // Why twice as many: forgetting moves what stays, so it is done seldom.
    if (this.#records.length > 2 * this.#retained + 1_024) this.#forget();
  }

  read(from: number, max: number): MemoryRecord[] {
    const index = from - this.#start;
    return this.#records.slice(index, index + max);
  }

  /** What lies at or after a reader's position is never forgotten. */
  addReader(position: () => number): void {
    this.#cursors.push(position);
  }

  #forget(): void {
    const unread = this.#cursors.reduce((least, position) => Math.min(least, position()), Infinity);
    const upTo = Math.min(unread, this.end - this.#retained);
    if (upTo - this.#start < 1_024) return;
    this.#records = this.#records.slice(upTo - this.#start);
    this.#start = upTo;
  }
}
