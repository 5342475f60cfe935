import type { RabbitmqDelivery } from './delivery.js';
import { pastOf } from '../mapping.js';

/** What this process knows of a message that it no longer has. */
interface Memory {
  /** The number of the attempt that comes next. */
  readonly attempt: number;
  /** On the monotonic clock; 0 is at once. */
  readonly notBeforeMs: number;
  /** Which copy of the message it was, and how often the broker had given that one out. */
  readonly noted: number;
  readonly deliveries: number;
}

/** More are forgotten, oldest first: what comes again then is what the broker counted. */
const MOST_REMEMBERED = 10_000;

/**
 * Remembers attempts and pauses of messages that went back to the broker unsettled, for when they come to this process
 * again: the broker counts every delivery as an attempt, and knows of no pause.
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

  /** Tells a delivery what is known of it, if nobody else had it in between. */
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
