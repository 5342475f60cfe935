/**
 * Holds back intake while `maxInFlight` deliveries are under way, or `maxInFlightBytes` are held.
 * It opens again only at a lower mark, so that deliveries come in by the handful and not one wake-up each.
 */
export class IntakeGate {
  readonly #highMark: number;
  readonly #lowMark: number;
  readonly #maxBytes: number;
  /** n.b. a list: several streams of one subscription may wait at once, and one slot would forget all but one. */
  #waiting: (() => void)[] = [];
  #open = false;

  constructor(maxInFlight: number, concurrency: number, maxBytes: number) {
    this.#maxBytes = maxBytes;
    this.#highMark = maxInFlight;
    this.#lowMark = Math.min(maxInFlight - 1, Math.max(concurrency, maxInFlight >> 1));
  }

  get hasWaiting(): boolean {
    return this.#waiting.length > 0;
  }

  isFull(active: number, bytes: number): boolean {
    return !this.#open && (active >= this.#highMark || bytes >= this.#maxBytes);
  }

  /** Resolves when it is worth looking again. */
  room(): Promise<void> {
    return new Promise((resolve) => this.#waiting.push(resolve));
  }

  /** n.b. all who wait are called: the first may leave room for the next, and whoever finds none waits again. */
  letIn(active: number, bytes: number): void {
    if (active <= this.#lowMark && bytes <= this.#maxBytes * LOW_BYTES) this.callAll();
  }

  /** Nobody waits any more; used when what comes in is not taken anyway. */
  openForGood(): void {
    this.#open = true;
    this.callAll();
  }

  /** Whoever waits looks again. */
  callAll(): void {
    const called = this.#waiting;
    this.#waiting = [];
    for (const call of called) call();
  }
}

/** The part of the bytes at which it opens again. */
const LOW_BYTES = 0.75;
