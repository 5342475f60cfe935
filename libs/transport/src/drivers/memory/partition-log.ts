import { isStartOffset, nearestKept, offsetIn, type StartFrom } from '../../contract/index.js';
import type { MemoryRecord } from './mapping.js';

/** The messages of one partition, oldest first, with offsets that never change. */
export class PartitionLog {
  readonly #partition: number;
  readonly #retained: number;
  readonly #cursors = new Set<() => number>();
  #records: MemoryRecord[] = [];
  #start = 0;
  /** Length at which messages are deleted. */
  #forgetAt: number;

  /** @param retained messages to keep after every reader has passed them */
  constructor(partition: number, retained: number) {
    this.#partition = partition;
    this.#retained = retained;
    this.#forgetAt = this.#nextLook();
  }

  /** Offset of the oldest retained message. */
  get start(): number {
    return this.#start;
  }

  /** Offset of the next message. */
  get end(): number {
    return this.#start + this.#records.length;
  }

  /** Returns where a reader starts. @param warn called when it cannot start at the requested offset */
  placeOf(startFrom: StartFrom, warn: (warning: string) => void): number {
    if (startFrom === 'beginning') return this.#start;
    if (startFrom === 'new') return this.end;
    if (isStartOffset(startFrom)) return this.#nearest(offsetIn(startFrom, this.#partition), warn);
    const index = this.#records.findIndex(({ storedAt }) => storedAt >= startFrom.getTime());
    return index === -1 ? this.end : this.#start + index;
  }

  #nearest(asked = this.#start, warn: (warning: string) => void): number {
    const kept = { first: this.#start, next: this.end };
    const { offset, warning } = nearestKept(asked, kept, `partition ${this.#partition}`);
    if (warning !== undefined) warn(warning);
    return offset;
  }

  append(record: MemoryRecord): void {
    this.#records.push(record);
    if (this.#records.length >= this.#forgetAt) this.#forget();
  }

  read(from: number, max: number): MemoryRecord[] {
    const index = from - this.#start;
    return this.#records.slice(index, index + max);
  }

  /** Retains messages at or after a reader's position until the returned function is called. */
  addReader(position: () => number): () => void {
    this.#cursors.add(position);
    return () => void this.#cursors.delete(position);
  }

  #forget(): void {
    const unread = Math.min(...[...this.#cursors].map((position) => position()));
    const upTo = Math.max(this.#start, Math.min(unread, this.end - this.#retained));
    if (upTo > this.#start) this.#records = this.#records.slice(upTo - this.#start);
    this.#start = upTo;
    this.#forgetAt = this.#nextLook();
  }

  /** Deleting copies the remaining messages, so it is done in batches. Early deletion keeps garbage collection cheap. */
  #nextLook(): number {
    return Math.max(this.#retained, this.#records.length) * 1.25 + 64;
  }
}
