import type { MemoryDelivery } from './mapping.js';

/**
 * The deliveries that are with a sink, unordered. Each knows its own index, so adding and deleting is one array access and, unlike
 * with a `Set`, creates no garbage.
 */
export class Unsettled {
  readonly #deliveries: MemoryDelivery[] = [];

  get size(): number {
    return this.#deliveries.length;
  }

  /** Returns a copy, so that deliveries can be deleted during iteration. */
  all(): MemoryDelivery[] {
    return [...this.#deliveries];
  }

  add(delivery: MemoryDelivery): void {
    delivery.place = this.#deliveries.length;
    this.#deliveries.push(delivery);
  }

  /** Moves the last delivery into the gap. Ignores an unknown delivery. */
  delete(delivery: MemoryDelivery): void {
    const { place } = delivery;
    if (this.#deliveries[place] !== delivery) return;
    const last = this.#deliveries.pop() as MemoryDelivery;
    if (last === delivery) return;
    this.#deliveries[place] = last;
    last.place = place;
  }
}
