import type { Delivery } from '../../../contract/index.js';
import type { NatsDelivery } from './delivery.js';

/** The unsettled deliveries of one consumer in this process, by sequence. */
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

  /** Deleting an unknown delivery does nothing. */
  delete(delivery: NatsDelivery): void {
    if (this.#bySequence.get(delivery.sequence) === delivery) this.#bySequence.delete(delivery.sequence);
    if (this.#parked.size > 0) this.#parked.delete(delivery);
  }

  parked(delivery: NatsDelivery): void {
    this.#parked.add(delivery);
  }

  /** The current deliveries; the iterable changes while deliveries leave. */
  each(): Iterable<NatsDelivery> {
    return this.#bySequence.values();
  }

  /** A copy in the order of the stream, safe to iterate while deliveries leave. */
  all(): NatsDelivery[] {
    return [...this.#bySequence.values()].sort((a, b) => a.sequence - b.sequence);
  }

  /** Deliveries that are parked, or wait behind a parked one of their lane: they neither run nor are about to. */
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
