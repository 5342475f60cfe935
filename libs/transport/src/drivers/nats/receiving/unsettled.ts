import type { Delivery } from '../../../contract/index.js';
import type { NatsDelivery } from './delivery.js';

/** The deliveries of one consumer that this process has and has not settled, by the number of their message. */
export class Unsettled {
  readonly #bySequence = new Map<number, NatsDelivery>();
  readonly #parked = new Set<NatsDelivery>();

  get size(): number {
    return this.#bySequence.size;
  }

  get(sequence: number): NatsDelivery | undefined {
    return this.#bySequence.get(sequence);
  }

  add(delivery: NatsDelivery): void {
    this.#bySequence.set(delivery.sequence, delivery);
  }

  /** Deleting what is not here does nothing. */
  delete(delivery: NatsDelivery): void {
    if (this.#bySequence.get(delivery.sequence) === delivery) this.#bySequence.delete(delivery.sequence);
    if (this.#parked.size > 0) this.#parked.delete(delivery);
  }

  parked(delivery: NatsDelivery): void {
    this.#parked.add(delivery);
  }

  /** Those that are here now; n.b. they may leave while they are walked. */
  each(): Iterable<NatsDelivery> {
    return this.#bySequence.values();
  }

  /** In the order of their stream; a copy, so that it can be walked while they leave. */
  all(): NatsDelivery[] {
    return [...this.#bySequence.values()].sort((a, b) => a.sequence - b.sequence);
  }

  /** Deliveries that are parked, or wait behind a parked one of their lane: they are no part of what runs or is about to. */
  get waiting(): number {
    let waiting = 0;
    for (const delivery of this.#parked) {
      if (delivery.state !== 'parked') this.#parked.delete(delivery);
      else waiting += laneLength(delivery);
    }
    return waiting;
  }
}

function laneLength(delivery: Delivery): number {
  let length = 0;
  for (let current: Delivery | undefined = delivery; current !== undefined; current = current.laneNext) length++;
  return length;
}
