import type { Clock, Delivery } from '../../../contract/index.js';

/** The share of `consumer_timeout` that a message may take here; the rest is for the requeue. */
const PART = 0.9;
/** Checks per that time. */
const LOOKS = 20;

/** A delivery and its time of arrival. */
export interface Aged extends Delivery {
  /** On the monotonic clock. */
  readonly receivedAtMs: number;
}

/**
 * Requeues late messages before the server does. The server closes the channel of a message that is not acknowledged in time and
 * redelivers everything on it, and a client cannot ask for more time.
 */
export class Deadlines<Late extends Aged> {
  readonly #clock: Clock;
  readonly #limitMs: number;
  readonly #unsettled: () => Iterable<Late>;
  readonly #onLate: (late: readonly Late[]) => void;
  #callOff: () => void;

  /**
   * @param unsettled oldest first
   * @param onLate called with the messages to requeue and those that must not overtake them, oldest first
   */
  constructor(
    clock: Clock,
    serverTimeoutMs: number,
    unsettled: () => Iterable<Late>,
    onLate: (late: readonly Late[]) => void,
  ) {
    this.#clock = clock;
    this.#limitMs = serverTimeoutMs * PART;
    this.#unsettled = unsettled;
    this.#onLate = onLate;
    this.#callOff = this.#lookLater();
  }

  stop(): void {
    this.#callOff();
  }

  #lookLater(): () => void {
    return this.#clock.schedule(this.#limitMs / LOOKS, () => {
      this.#callOff = this.#lookLater();
      this.#look();
    });
  }

  #look(): void {
    const before = this.#clock.monotonicMs() - this.#limitMs;
    const [oldest] = this.#unsettled();
    if (oldest === undefined || oldest.receivedAtMs > before) return;
    const late = lateOf([...this.#unsettled()], before);
    if (late.length > 0) this.#onLate(late);
  }
}

/** The late messages, and those of the same keys without a running handler, so that they are redelivered in the same order. */
export function lateOf<Late extends Aged>(unsettled: readonly Late[], beforeMs: number): Late[] {
  const isOpen = ({ state }: Late): boolean => state === 'queued' || state === 'running' || state === 'parked';
  const open = unsettled.filter(isOpen);
  const isLate = ({ receivedAtMs }: Late): boolean => receivedAtMs <= beforeMs;
  const keys = new Set(open.filter(isLate).map(({ key }) => key));
  return open.filter(
    (delivery) =>
      isLate(delivery) || (delivery.key !== undefined && delivery.state !== 'running' && keys.has(delivery.key)),
  );
}
