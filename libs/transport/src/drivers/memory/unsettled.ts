import type { MemoryDelivery } from './mapping.js';

/**
 * The deliveries that are with a sink, in no order. Each knows its own place, so adding and deleting one is an array access
 * and leaves nothing for the garbage collector, as a `Set` of things that come and go would.
 */
export class Unsettled {
  readonly #deliveries: MemoryDelivery[] = [];

  get size(): number {
    return this.#deliveries.length;
  }

  /** A copy, so that it can be walked while they leave. */
  all(): MemoryDelivery[] {
    return [...this.#deliveries];
  }

  add(delivery: MemoryDelivery): void {
    delivery.place = this.#deliveries.length;
    this.#deliveries.push(delivery);
  }

  /** The last one moves into the gap. Deleting what is not here does nothing. */
  delete(delivery: MemoryDelivery): void {
    const { place } = delivery;
    if (this.#deliveries[place] !== delivery) return;
    const last = this.#deliveries.pop() as MemoryDelivery;
    if (last === delivery) return;
    this.#deliveries[place] = last;
    last.place = place;
  }
}
