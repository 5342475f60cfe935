import type { Clock } from '../../../contract/index.js';

/** Limit of settlements in flight that need no wait. RabbitMQ holds back those above 32. */
const FEW = 24;
const LEAST_MS = 200;
const MOST_MS = 1_000;
/** Factor on the time it took to place a consumer, which a majority also has to write. */
const FACTOR = 5;

/**
 * Computes how long a channel must stay open after settlements. RabbitMQ holds them back while more than 32 are being written to a
 * quorum queue, and a channel close then loses them (measured on 3.10.8: 28 to 223 messages are redelivered). RabbitMQ does not confirm
 * acks. If no new messages show that they were processed, the channel waits after many acks at once.
 */
export class SettlingTime {
  readonly #clock: Clock;
  readonly #neededMs: number;
  #lastMs = 0;
  #underWay = 0;

  /** @param placedInMs how long the server took to place the consumer */
  constructor(clock: Clock, placedInMs: number) {
    this.#clock = clock;
    this.#neededMs = Math.min(MOST_MS, Math.max(LEAST_MS, FACTOR * placedInMs));
  }

  settled(): void {
    const nowMs = this.#clock.monotonicMs();
    this.#underWay = nowMs - this.#lastMs > this.#neededMs ? 1 : this.#underWay + 1;
    this.#lastMs = nowMs;
  }

  /** The ms until the channel may close; 0 is at once. */
  get leftMs(): number {
    if (this.#underWay <= FEW) return 0;
    return Math.max(0, this.#lastMs + this.#neededMs - this.#clock.monotonicMs());
  }
}
