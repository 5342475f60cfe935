import type { Delivery } from '../contract/index.js';
import { RetriedDelivery } from './retried-delivery.js';

/** What is known of a message's failures in this process. */
export interface FailureRecord {
  readonly firstFailedAt: number;
  readonly lastFailedAt: number;
  readonly error: unknown;
}

/** Messages handed back to the broker whose first failure is remembered; the oldest is forgotten first. */
const MAX_REMEMBERED = 10_000;

/** Remembers why and since when messages fail, while they are unsettled here or on their way back from the broker. */
export class FailureLog {
  readonly #records = new Map<Delivery, FailureRecord>();
  /** First failure by message id, for those that come again as another delivery. */
  readonly #firstFailures = new Map<string, number>();
  /** Their end is not the end of their message. */
  readonly #handedBack = new WeakSet<Delivery>();

  record(delivery: Delivery, error: unknown, now: number): void {
    const known = this.#records.get(delivery)?.firstFailedAt ?? this.#firstFailures.get(delivery.id);
    const told = delivery instanceof RetriedDelivery ? delivery.firstFailedAtMs : undefined;
    const firstFailedAt = known ?? told ?? now;
    this.#records.set(delivery, { firstFailedAt, lastFailedAt: now, error });
  }

  /** The last failure of a delivery that was recorded. */
  of(delivery: Delivery): FailureRecord {
    const record = this.#records.get(delivery);
    if (record === undefined) throw new Error(`No failure is recorded for message ${delivery.id}.`);
    return record;
  }

  /** The delivery goes back to the broker; its message will come again as another one. */
  expectAgain(delivery: Delivery): void {
    this.#firstFailures.set(delivery.id, this.of(delivery).firstFailedAt);
    this.#handedBack.add(delivery);
    const oldest = this.#firstFailures.size > MAX_REMEMBERED ? this.#firstFailures.keys().next().value : undefined;
    if (oldest !== undefined) this.#firstFailures.delete(oldest);
  }

  /** The delivery has ended; n.b. on the hot path both maps are empty. */
  forget(delivery: Delivery): void {
    if (this.#records.size > 0) this.#records.delete(delivery);
    if (this.#firstFailures.size === 0 || delivery.attempt === 1 || this.#handedBack.has(delivery)) return;
    this.#firstFailures.delete(delivery.id);
  }
}
