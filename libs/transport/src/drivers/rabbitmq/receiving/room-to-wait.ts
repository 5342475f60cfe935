import type { DeliveryState, Subscription } from '../../../contract/index.js';
import type { QueueReader } from './queue-reader.js';

/** The load of this process, which decides whether more messages should be delivered. */
export interface Load {
  /** States of the deliveries of one reader. */
  states(reader: QueueReader): Iterable<DeliveryState>;
  /** The sink has received everything and accepts more. */
  readonly sinkIsIdle: boolean;
}

/**
 * Adjusts the prefetch. Messages that wait for their next attempt count towards it. When handlers are idle because of them,
 * the prefetch grows up to a limit; when nothing is unsettled any more, it shrinks again.
 */
export class RoomToWait {
  readonly #subscription: Subscription;
  readonly #most: number;
  readonly #load: Load;
  readonly #onStalled: () => void;
  readonly #scheduled = new Set<QueueReader>();
  #isStalled = false;

  /** @param onStalled called each time the limit is reached */
  constructor(subscription: Subscription, most: number, load: Load, onStalled: () => void) {
    this.#subscription = subscription;
    this.#most = most;
    this.#load = load;
    this.#onStalled = onStalled;
  }

  /** Whether nothing more is delivered until a message is settled. */
  get isStalled(): boolean {
    return this.#isStalled;
  }

  /** Call after a message was delivered, parked or settled. Checks after the sink has processed it. */
  look(reader: QueueReader): void {
    const isOfInterest = reader.holds >= reader.capacity || (reader.hasHelpers && reader.holds === 0);
    if (!isOfInterest) this.#isStalled = false;
    if (!isOfInterest || this.#scheduled.has(reader)) return;
    this.#scheduled.add(reader);
    setImmediate(() => {
      this.#scheduled.delete(reader);
      this.#adjust(reader);
    });
  }

  #adjust(reader: QueueReader): void {
    if (!reader.isOpen) return;
    if (reader.holds === 0 && reader.hasHelpers) return void reader.shrink();
    if (reader.holds < reader.capacity || !this.#load.sinkIsIdle) return;
    let parked = 0;
    let running = 0;
    for (const state of this.#load.states(reader)) {
      if (state === 'parked') parked++;
      if (state === 'running') running++;
    }
    if (parked > 0 && running < this.#subscription.concurrency) this.#grow(reader, parked);
  }

  #grow(reader: QueueReader, parked: number): void {
    const left = this.#most - reader.capacity;
    const extra = reader.capacity - this.#subscription.maxInFlight;
    if (left > 0) return void reader.grow(Math.min(left, Math.max(parked, extra)));
    if (!this.#isStalled) this.#onStalled();
    this.#isStalled = true;
  }
}
