import type { Clock } from '../../../contract/index.js';

/** Settlements that a channel has under way at most; RabbitMQ holds back what is above 32. */
const FEW = 24;
const LEAST_MS = 200;
const MOST_MS = 1_000;
/** Times what it took to place a consumer, which goes the same way: written by a majority before it is answered. */
const FACTOR = 5;

/**
 * When the end of a channel would forget settlements. A channel of RabbitMQ holds them back while more than 32 of them are
 * being written to a quorum queue, and an end in that moment loses them (measured on 3.10.8: 28 to 223 messages come again). No
 * answer tells when all are written; where no new messages do either, the channel is given time after many at once.
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

  /** Before the channel may end; 0 is at once. */
  get leftMs(): number {
    if (this.#underWay <= FEW) return 0;
    return Math.max(0, this.#lastMs + this.#neededMs - this.#clock.monotonicMs());
  }
}
