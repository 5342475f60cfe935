import type { DeliveryState, Subscription } from '../../../contract/index.js';
import type { QueueReader } from '../receiving/queue-reader.js';

/** What is with this process, as far as it says whether more should come. */
export interface Load {
  /** States of the deliveries of one reader. */
  states(reader: QueueReader): Iterable<DeliveryState>;
  /** The sink has everything that came, and asks for more. */
  readonly sinkIsIdle: boolean;
}

/**
 * Messages that wait for their next attempt hold places of the server's prefetch. When handlers stand idle because of them,
 * the reader is given more places, up to a bound; when nothing is unsettled any more, they are given back.
 */
export class RoomToWait {
  readonly #subscription: Subscription;
  readonly #most: number;
  readonly #load: Load;
  readonly #onStalled: () => void;
  readonly #scheduled = new Set<QueueReader>();
  #isStalled = false;

  /** @param onStalled told once each time when the bound is reached */
  constructor(subscription: Subscription, most: number, load: Load, onStalled: () => void) {
    this.#subscription = subscription;
    this.#most = most;
    this.#load = load;
    this.#onStalled = onStalled;
  }

  /** Nothing more comes until something is settled. */
  get isStalled(): boolean {
    return this.#isStalled;
  }

  /** To be called when something was handed over, parked or settled; looks once the sink has acted on it. */
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
