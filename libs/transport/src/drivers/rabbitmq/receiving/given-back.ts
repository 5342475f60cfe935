import type { RabbitmqDelivery } from './delivery.js';
import { pastOf } from '../mapping.js';

/** What this process remembers of a message that it requeued. */
interface Memory {
  /** The number of the attempt that comes next. */
  readonly attempt: number;
  /** Earliest time of the next attempt on the monotonic clock; 0 is at once. */
  readonly notBeforeMs: number;
  /** Which copy of the message it was, and how often the broker had delivered it. */
  readonly noted: number;
  readonly deliveries: number;
}

/** Limit of remembered messages. For forgotten ones, oldest first, the count of the broker applies. */
const MOST_REMEMBERED = 10_000;

/**
 * Remembers attempts and retry delays of messages that were requeued unsettled, in case they return to this process. The broker
 * counts every delivery as an attempt and knows no retry delay.
 */
export class GivenBack {
  readonly #memories = new Map<string, Memory>();

  remember({ id, state, attempt, notBeforeMs, raw }: RabbitmqDelivery): void {
    const { attempts, deliveries } = pastOf(raw);
    const next = state === 'running' ? attempt + 1 : attempt;
    this.#memories.set(id, { attempt: next, notBeforeMs, noted: attempts - deliveries, deliveries });
    if (this.#memories.size <= MOST_REMEMBERED) return;
    this.#memories.delete(this.#memories.keys().next().value as string);
  }

  /** Restores what is known of a delivery, if no other consumer had it in between. */
  recall(delivery: RabbitmqDelivery): void {
    if (this.#memories.size === 0) return;
    const memory = this.#memories.get(delivery.id);
    if (memory === undefined) return;
    this.#memories.delete(delivery.id);
    const { attempts, deliveries } = pastOf(delivery.raw);
    if (attempts - deliveries !== memory.noted || deliveries > memory.deliveries + 1) return;
    delivery.explain();
    delivery.attempt = memory.attempt;
    delivery.notBeforeMs = memory.notBeforeMs;
  }
}
