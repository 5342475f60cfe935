import type { Clock } from '../../../contract/index.js';
import { pause } from '../../kit/waits.js';

/** So many looks of subscriptions fit into the wait, so that each has had one. */
const LOOKS = 2;

/**
 * The wait after an exchange was deleted. Whoever makes it anew makes it without its bindings: what is published then goes to
 * nobody, or to those groups only that have bound again. So a publisher that finds it gone leaves all of them time to look.
 */
export class DeletedExchangeWait {
  readonly #clock: Clock;
  readonly #ms: number;
  readonly #ended: AbortSignal;
  readonly #onWait: (reason: string) => void;
  /** How many wait for each. */
  readonly #deleted = new Map<string, number>();

  /**
   * @param checkMs between two looks of a subscription
   * @param ended ends the wait early
   * @param onWait called with the reason when a wait starts that is not under way already
   */
  constructor(clock: Clock, checkMs: number, ended: AbortSignal, onWait: (reason: string) => void) {
    this.#onWait = onWait;
    this.#clock = clock;
    this.#ms = checkMs * LOOKS;
    this.#ended = ended;
  }

  /** Exchanges that are waited for. */
  get exchanges(): Iterable<string> {
    return this.#deleted.keys();
  }

  /** Why nothing is published to this exchange now. */
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
