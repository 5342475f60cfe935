import type { Clock, TransportError } from '../../../contract/index.js';

const FIRST_WAIT_MS = 200;
const LONGEST_WAIT_MS = 5_000;
/** What a publisher was told may be older than the bindings are, by so much. */
const HINT_AGE_MS = 1_000;

/** What a watch is made of. */
export interface BindingWatchParts {
  readonly clock: Clock;
  /** Between two looks; 0 is never, but when it is told to. */
  readonly everyMs: number;
  /** Makes again what is gone. @returns what was gone, in one sentence. @throws TransportError when it cannot be made */
  readonly renew: () => Promise<TransportError | undefined>;
  /** The queue is fed no more. @param againInMs when it is looked at again; 0: it is fed again already */
  readonly lost: (error: TransportError, againInMs: number) => void;
  readonly back: () => void;
}

/**
 * Sees to it that one queue stays tied to its exchange. Over AMQP nobody is told when an exchange or a binding is deleted: the
 * queue is read on, and nothing comes any more. So this looks, every so often and when a publisher was told.
 */
export class BindingWatch {
  readonly #parts: BindingWatchParts;
  #callOff: () => void = () => undefined;
  #error: TransportError | undefined;
  #waitMs = FIRST_WAIT_MS;
  /** Everything was there then, on the monotonic clock. */
  #wellAtMs: number;
  #isLooking = false;
  #isStopped = false;

  constructor(parts: BindingWatchParts) {
    this.#parts = parts;
    this.#wellAtMs = parts.clock.monotonicMs();
    this.#lookIn(parts.everyMs);
  }

  /** Why nothing new comes into the queue. */
  get problem(): string | undefined {
    return this.#error?.message;
  }

  /** Looks now. @param hint what a publisher was told, which is told even where everything is there again */
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
