/**
 * Holds back intake while `maxInFlight` deliveries are in flight, or `maxInFlightBytes` are held. It opens again only
 * at a lower mark, so that deliveries arrive in groups and not one per wake-up.
 */
export class IntakeGate {
  readonly #highMark: number;
  readonly #lowMark: number;
  readonly #maxBytes: number;
  /** A list, because several streams of one subscription can wait at once. */
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

  /** Resolves when it is worth checking again. */
  room(): Promise<void> {
    return new Promise((resolve) => this.#waiting.push(resolve));
  }

  /** Calls everyone who waits: the first may leave room for the next, and whoever finds none waits again. */
  letIn(active: number, bytes: number): void {
    if (active <= this.#lowMark && bytes <= this.#maxBytes * LOW_BYTES) this.callAll();
  }

  /** Opens permanently; used when new deliveries are not accepted anyway. */
  openForGood(): void {
    this.#open = true;
    this.callAll();
  }

  /** Makes everyone who waits check again. */
  callAll(): void {
    const called = this.#waiting;
    this.#waiting = [];
    for (const call of called) call();
  }
}

/** The share of the bytes at which it opens again. */
const LOW_BYTES = 0.75;
