import type { Clock } from '../../../contract/index.js';
import { pause } from '../../kit/waits.js';

/** Checks of subscriptions that fit into the wait, so that each subscription has had one. */
const LOOKS = 2;

/**
 * The wait after an exchange was deleted. A recreated exchange has no bindings: messages would reach no group, or only those that have
 * bound their queues again. A publisher therefore gives all subscriptions time for a check.
 */
export class DeletedExchangeWait {
  readonly #clock: Clock;
  readonly #ms: number;
  readonly #ended: AbortSignal;
  readonly #onWait: (reason: string) => void;
  /** How many publishes wait for each exchange. */
  readonly #deleted = new Map<string, number>();

  /**
   * @param checkMs between two checks of a subscription
   * @param ended ends the wait early
   * @param onWait called with the reason when the first wait for an exchange starts
   */
  constructor(clock: Clock, checkMs: number, ended: AbortSignal, onWait: (reason: string) => void) {
    this.#onWait = onWait;
    this.#clock = clock;
    this.#ms = checkMs * LOOKS;
    this.#ended = ended;
  }

  /** Exchanges with a running wait. */
  get exchanges(): Iterable<string> {
    return this.#deleted.keys();
  }

  /** Returns why nothing is published to this exchange now. */
  reasonFor(exchange: string): string | undefined {
    if (!this.#deleted.has(exchange)) return undefined;
    return `Exchange "${exchange}" was deleted. Publishing to it waits ${this.#ms} ms while subscriptions bind their queues again`;
  }

  async wait(exchange: string): Promise<void> {
    const isNew = !this.#deleted.has(exchange);
    this.#deleted.set(exchange, (this.#deleted.get(exchange) ?? 0) + 1);
    if (isNew) this.#onWait(this.reasonFor(exchange) ?? '');
    await pause(this.#clock, this.#ms, this.#ended);
    const left = (this.#deleted.get(exchange) ?? 1) - 1;
    if (left === 0) this.#deleted.delete(exchange);
    else this.#deleted.set(exchange, left);
  }
}
