import type { Clock, Delivery } from '../../../contract/index.js';

/** The part of the server's time that a message may take here: the rest is for the way back. */
const PART = 0.9;
/** Looks in that time. */
const LOOKS = 20;

/** A delivery, and when it came. */
export interface Aged extends Delivery {
  /** On the monotonic clock. */
  readonly receivedAtMs: number;
}

/**
 * The server closes the channel of a message that is not settled in time, and everything on that channel comes again. There
 * is no way to ask it for more time, so what is late is given back by itself, before.
 */
export class Deadlines<Late extends Aged> {
  readonly #clock: Clock;
  readonly #limitMs: number;
  readonly #unsettled: () => Iterable<Late>;
  readonly #onLate: (late: readonly Late[]) => void;
  #callOff: () => void;

  /**
   * @param unsettled oldest first
   * @param onLate told what has to go back now, with what may not overtake it, oldest first
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

/** Those that came too long ago, and those of their keys that have not begun: they come again in the same order. */
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
