import type { Clock, Delivery } from '../../contract/index.js';
import { RetriedDelivery } from '../retry-topics/retried-delivery.js';

/** What this process knows about a message's failures. */
export interface FailureRecord {
  /** Milliseconds since the epoch, like the one below. */
  readonly firstFailedAt: number;
  readonly lastFailedAt: number;
  /** First failure on the monotonic clock, from which deadlines are measured. */
  readonly firstFailedMs: number;
  readonly error: unknown;
}

type FirstFailure = Pick<FailureRecord, 'firstFailedAt' | 'firstFailedMs'>;

/**
 * Maximum number of messages returned to the broker whose first failure is remembered; the oldest is forgotten first.
 */
const MAX_REMEMBERED = 10_000;

/** Remembers why and since when messages fail, while they are unsettled here or on their way back from the broker. */
export class FailureLog {
  readonly #records = new Map<Delivery, FailureRecord>();
  /** First failure by message id, for messages that return as another delivery. */
  readonly #firstFailures = new Map<string, FirstFailure>();
  /** Deliveries whose end is not the end of their message. */
  readonly #handedBack = new WeakSet<Delivery>();

  record(delivery: Delivery, error: unknown, clock: Pick<Clock, 'now' | 'monotonicMs'>): void {
    const lastFailedAt = clock.now();
    const known = this.#records.get(delivery) ?? this.#firstFailures.get(delivery.id);
    const first = known ?? firstFailure(delivery, lastFailedAt, clock.monotonicMs());
    const { firstFailedAt, firstFailedMs } = first;
    this.#records.set(delivery, { firstFailedAt, firstFailedMs, lastFailedAt, error });
  }

  /** Returns the last recorded failure of a delivery. */
  of(delivery: Delivery): FailureRecord {
    const record = this.#records.get(delivery);
    if (record === undefined) throw new Error(`No failure is recorded for message ${delivery.id}.`);
    return record;
  }

  /** Called when the delivery returns to the broker: its message will come again as another delivery. */
  expectAgain(delivery: Delivery): void {
    const { firstFailedAt, firstFailedMs } = this.of(delivery);
    this.#firstFailures.set(delivery.id, { firstFailedAt, firstFailedMs });
    this.#handedBack.add(delivery);
    const oldest = this.#firstFailures.size > MAX_REMEMBERED ? this.#firstFailures.keys().next().value : undefined;
    if (oldest !== undefined) this.#firstFailures.delete(oldest);
  }

  /** Called when the delivery has ended. On the hot path both maps are empty. */
  forget(delivery: Delivery): void {
    if (this.#records.size > 0) this.#records.delete(delivery);
    if (this.#firstFailures.size === 0 || delivery.attempt === 1 || this.#handedBack.has(delivery)) return;
    this.#firstFailures.delete(delivery.id);
  }
}

/** A message of a retry topic has its first failure from another process, with which only the wall clock is shared. */
function firstFailure(delivery: Delivery, now: number, nowMs: number): FirstFailure {
  const noted = delivery instanceof RetriedDelivery ? delivery.firstFailedAtMs : undefined;
  const firstFailedAt = noted ?? now;
  return { firstFailedAt, firstFailedMs: nowMs - Math.max(0, now - firstFailedAt) };
}
