import type { DeliverySink } from '../../../contract/index.js';
import type { RabbitmqDelivery } from './delivery.js';

/**
 * Hands deliveries to one sink, in the order they came, and waits while the sink asks for it. What comes in one piece over
 * the wire goes to the sink in one piece.
 */
export class Handover {
  readonly #sink: DeliverySink;
  readonly #most: number;
  #waiting: RabbitmqDelivery[] = [];
  #isScheduled = false;
  /** How many it waits for. */
  #heldUpBy = 0;
  #isStopped = false;

  constructor(sink: DeliverySink, most: number) {
    this.#sink = sink;
    this.#most = most;
  }

  /** The sink has everything and asks for more. */
  get isIdle(): boolean {
    return this.#waiting.length === 0 && this.#heldUpBy === 0;
  }

  /** What came and is not with the sink; undefined while the sink, or the driver itself, holds it back. */
  get waiting(): number | undefined {
    return this.#heldUpBy > 0 ? undefined : this.#waiting.length;
  }

  push(delivery: RabbitmqDelivery): void {
    this.#waiting.push(delivery);
    if (this.#isScheduled || this.#heldUpBy > 0) return;
    this.#isScheduled = true;
    queueMicrotask(() => {
      this.#isScheduled = false;
      this.#handOver();
    });
  }

  /** What is here, and what comes behind it, waits for something to be known of it. Never rejects. */
  waitFor(knowledge: Promise<void>): void {
    this.#heldUpBy++;
    void knowledge.then(() => this.#goOn());
  }

  /** Nothing more goes to the sink. */
  stop(): void {
    this.#isStopped = true;
  }

  #handOver(): void {
    while (this.#waiting.length > 0 && this.#heldUpBy === 0 && !this.#isStopped) {
      const batch = this.#waiting.splice(0, this.#most).filter(({ state }) => state === 'queued');
      const wait = batch.length === 0 ? undefined : this.#sink.receive(batch);
      if (wait === undefined) continue;
      this.waitFor(wait);
    }
  }

  #goOn(): void {
    this.#heldUpBy--;
    this.#handOver();
  }
}
