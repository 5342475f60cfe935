import { ACK, type Clock, type Delivery, type DeliverySink } from '../../contract/index.js';
import { RetriedDelivery } from './retried-delivery.js';
import { retryNoteOf } from './retry-topics.js';

/** Describes a retry topic to its reader. */
export interface RetryTopic {
  /** The topic of the subscription. */
  readonly topic: string;
  readonly group: string;
  /** How long its messages wait, in milliseconds. */
  readonly waitMs: number;
  /** Attempts made on a message before it came here. */
  readonly attempts: number;
}

/** Tolerated clock difference: a wait that is longer by more than this counts as an explicitly requested delay. */
const CLOCK_DIFFERENCE_MS = 5_000;

interface Waiting {
  readonly delivery: RetriedDelivery;
  /** On the monotonic clock. */
  readonly dueMs: number;
}

/**
 * Reads a retry topic for the runner of its subscription. All messages in it wait equally long, so those of a partition
 * become due in order. The driver is asked to wait until the first one is due, and fetches nothing more of that
 * partition until then. Waiting messages are parked with the driver and are not in flight.
 *
 * A message that is due later than the topic's wait (it requested more, or the wait was shortened) blocks no other: the
 * runner parks it.
 */
export class RetryIntake implements DeliverySink {
  readonly #of: RetryTopic;
  readonly #runner: DeliverySink;
  readonly #clock: Clock;
  /** Callbacks that check again. */
  readonly #waits = new Set<() => void>();
  #ended = false;

  constructor(of: RetryTopic, runner: DeliverySink, clock: Clock) {
    this.#of = of;
    this.#runner = runner;
    this.#clock = clock;
  }

  receive(deliveries: readonly Delivery[]): void | Promise<void> {
    if (this.#ended) return;
    const waiting = deliveries.flatMap((delivery) => this.#taken(delivery) ?? []);
    return this.#passOn(waiting);
  }

  revoked(): void {
    this.#lookAgain();
    this.#runner.revoked();
  }

  /** Stops passing messages on. Waiting messages stay unsettled, and the broker keeps them. */
  end(): void {
    this.#ended = true;
    this.#lookAgain();
  }

  /**
   * Two subscriptions can have retry topics of one name ("a.b" of "c", "a" of "b.c"); each ignores the other's
   * messages.
   */
  #taken(inner: Delivery): Waiting | undefined {
    const note = retryNoteOf(inner);
    if (note.group !== undefined && note.group !== this.#of.group) {
      inner.settle(ACK);
      return undefined;
    }
    const leftMs = note.dueAtMs === undefined ? 0 : note.dueAtMs - this.#clock.now();
    const dueMs = this.#clock.monotonicMs() + leftMs;
    // It may have been revoked in the middle of a backoff that ends later than its note says.
    if (leftMs > 0) inner.notBeforeMs = Math.max(inner.notBeforeMs, dueMs);
    return { delivery: new RetriedDelivery(inner, note, this.#of), dueMs };
  }

  async #passOn(waiting: readonly Waiting[]): Promise<void> {
    for (let rest = waiting; rest.length > 0 && !this.#ended;) {
      const end = rest.findIndex((each) => this.#leftMs(each) > 0);
      const due = end === -1 ? rest : rest.slice(0, end);
      if (due.length === 0) await this.#untilDue(rest);
      else await this.#runner.receive(due.map(({ delivery }) => delivery));
      rest = rest.slice(due.length).filter(({ delivery }) => delivery.state !== 'revoked');
    }
  }

  /** Returns how long a message still has to wait here. */
  #leftMs({ dueMs }: Waiting): number {
    const leftMs = dueMs - this.#clock.monotonicMs();
    return leftMs > this.#of.waitMs + CLOCK_DIFFERENCE_MS ? 0 : leftMs;
  }

  #untilDue(rest: readonly Waiting[]): Promise<void> {
    const leftMs = this.#leftMs(rest[0] as Waiting);
    for (const { delivery } of rest) if (delivery.state === 'queued') delivery.park(delivery.attempt, leftMs);
    return new Promise((resolve) => {
      const look = (): void => {
        callOff();
        this.#waits.delete(look);
        resolve();
      };
      const callOff = this.#clock.schedule(leftMs, look);
      this.#waits.add(look);
    });
  }

  #lookAgain(): void {
    for (const look of [...this.#waits]) look();
  }
}
