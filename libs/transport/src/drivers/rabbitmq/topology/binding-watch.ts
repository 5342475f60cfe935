import type { Clock, TransportError } from '../../../contract/index.js';

const FIRST_WAIT_MS = 200;
const LONGEST_WAIT_MS = 5_000;
/** A failed publish may be this much older than the current bindings. */
const HINT_AGE_MS = 1_000;

/** The parts of a watch. */
export interface BindingWatchParts {
  readonly clock: Clock;
  /** The ms between two checks; 0 checks only on `look`. */
  readonly everyMs: number;
  /** Declares again what is missing. @returns what was missing. @throws TransportError when it cannot be declared */
  readonly renew: () => Promise<TransportError | undefined>;
  /** The queue was unbound. @param againInMs when it is checked again; 0 when it is bound again already */
  readonly lost: (error: TransportError, againInMs: number) => void;
  readonly back: () => void;
}

/**
 * Keeps one queue bound to its exchange. AMQP does not report the deletion of an exchange or a binding: the queue is still consumed
 * and receives nothing. The watch therefore checks periodically, and when a publish found no queue.
 */
export class BindingWatch {
  readonly #parts: BindingWatchParts;
  #callOff: () => void = () => undefined;
  #error: TransportError | undefined;
  #waitMs = FIRST_WAIT_MS;
  /** When everything existed last, on the monotonic clock. */
  #wellAtMs: number;
  #isLooking = false;
  #isStopped = false;

  constructor(parts: BindingWatchParts) {
    this.#parts = parts;
    this.#wellAtMs = parts.clock.monotonicMs();
    this.#lookIn(parts.everyMs);
  }

  /** Why the queue receives nothing. */
  get problem(): string | undefined {
    return this.#error?.message;
  }

  /** Checks now. @param hint error of a publish, which is reported even if everything exists again */
  async look(hint?: TransportError): Promise<void> {
    if (this.#isLooking || this.#isStopped) return;
    this.#isLooking = true;
    this.#callOff();
    const isNews = this.#parts.clock.monotonicMs() - this.#wellAtMs > HINT_AGE_MS;
    try {
      this.#renewed((await this.#parts.renew()) ?? (isNews ? hint : undefined));
    } catch (error) {
      this.#failed(error as TransportError);
    }
    this.#isLooking = false;
  }

  stop(): void {
    this.#isStopped = true;
    this.#callOff();
  }

  #renewed(wasGone: TransportError | undefined): void {
    if (this.#isStopped) return;
    this.#lookIn(this.#parts.everyMs);
    if (wasGone !== undefined) this.#parts.lost(wasGone, 0);
    if (wasGone !== undefined || this.#error !== undefined) this.#parts.back();
    this.#error = undefined;
    this.#wellAtMs = this.#parts.clock.monotonicMs();
    this.#waitMs = FIRST_WAIT_MS;
  }

  #failed(error: TransportError): void {
    if (this.#isStopped) return;
    this.#error = error;
    this.#lookIn(this.#waitMs);
    this.#parts.lost(error, this.#waitMs);
    this.#waitMs = Math.min(LONGEST_WAIT_MS, this.#waitMs * 2);
  }

  #lookIn(ms: number): void {
    if (ms > 0) this.#callOff = this.#parts.clock.schedule(ms, () => void this.look());
  }
}
