import type { Clock } from '../../contract/index.js';
import { pause } from './waiting.js';

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
  #deleted: string | undefined;

  /** @param checkMs between two looks of a subscription. @param ended ends the wait early */
  constructor(clock: Clock, checkMs: number, ended: AbortSignal) {
    this.#clock = clock;
    this.#ms = checkMs * LOOKS;
    this.#ended = ended;
  }

  /** Why nothing is published now. */
  get reason(): string | undefined {
    if (this.#deleted === undefined) return undefined;
    return `Exchange "${this.#deleted}" was deleted; publishing waits ${this.#ms} ms, in which subscriptions bind their queues again`;
  }

  async wait(exchange: string): Promise<void> {
    this.#deleted = exchange;
    await pause(this.#clock, this.#ms, this.#ended);
    this.#deleted = undefined;
  }
}
