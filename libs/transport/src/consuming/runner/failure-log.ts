import type { Clock, Delivery } from '../../contract/index.js';
import { RetriedDelivery } from '../retry-topics/retried-delivery.js';

/** What is known of a message's failures in this process. */
export interface FailureRecord {
  /** Milliseconds since the epoch, as the one below. */
  readonly firstFailedAt: number;
  readonly lastFailedAt: number;
  /** When it failed first, on the monotonic clock: deadlines are measured from here. */
  readonly firstFailedMs: number;
  readonly error: unknown;
}

type FirstFailure = Pick<FailureRecord, 'firstFailedAt' | 'firstFailedMs'>;

/** Messages handed back to the broker whose first failure is remembered; the oldest is forgotten first. */
const MAX_REMEMBERED = 10_000;

/** Remembers why and since when messages fail, while they are unsettled here or on their way back from the broker. */
export class FailureLog {
  readonly #records = new Map<Delivery, FailureRecord>();
  /** First failure by message id, for those that come again as another delivery. */
  readonly #firstFailures = new Map<string, FirstFailure>();
  /** Their end is not the end of their message. */
  readonly #handedBack = new WeakSet<Delivery>();

  record(delivery: Delivery, error: unknown, clock: Pick<Clock, 'now' | 'monotonicMs'>): void {
    const lastFailedAt = clock.now();
    const known = this.#records.get(delivery) ?? this.#firstFailures.get(delivery.id);
    const first = known ?? firstFailure(delivery, lastFailedAt, clock.monotonicMs());
    const { firstFailedAt, firstFailedMs } = first;
    this.#records.set(delivery, { firstFailedAt, firstFailedMs, lastFailedAt, error });
  }

  /** The last failure of a delivery that was recorded. */
  of(delivery: Delivery): FailureRecord {
    const record = this.#records.get(delivery);
    if (record === undefined) throw new Error(`No failure is recorded for message ${delivery.id}.`);
    return record;
  }

  /** The delivery goes back to the broker; its message will come again as another one. */
  expectAgain(delivery: Delivery): void {
    const { firstFailedAt, firstFailedMs } = this.of(delivery);
    this.#firstFailures.set(delivery.id, { firstFailedAt, firstFailedMs });
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

/** n.b. a message of a retry topic brings the moment of its first failure from another process: only the wall clock is shared with that one. */
function firstFailure(delivery: Delivery, now: number, nowMs: number): FirstFailure {
  const noted = delivery instanceof RetriedDelivery ? delivery.firstFailedAtMs : undefined;
  const firstFailedAt = noted ?? now;
  return { firstFailedAt, firstFailedMs: nowMs - Math.max(0, now - firstFailedAt) };
}
