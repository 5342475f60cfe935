import { ACK, type Clock, type Delivery, type DeliverySink } from '../../contract/index.js';
import { RetriedDelivery } from './retried-delivery.js';
import { retryNoteOf } from './retry-topics.js';

/** What a retry topic is, to whoever reads it. */
export interface RetryTopic {
  /** The topic of the subscription. */
  readonly topic: string;
  readonly group: string;
  /** How long its messages wait, in ms. */
  readonly waitMs: number;
  /** Attempts at a message that came here. */
  readonly attempts: number;
}

/** By so much the clock of who stored a message may be ahead, before its wait looks like one that was asked for. */
const CLOCK_DIFFERENCE_MS = 5_000;

interface Waiting {
  readonly delivery: RetriedDelivery;
  /** By the monotonic clock. */
  readonly dueMs: number;
}

/**
 * Reads a retry topic for the runner of its subscription. All messages there have the same wait, so those of a partition get
 * due in their order: the driver is asked to wait until the first of what it handed over is due, and nothing more of that
 * partition is taken meanwhile. What waits here is parked with the driver, and is not in flight.
 *
 * A message that is due later than the topic's wait (it asked for more, or the wait was shortened) holds up nobody: the runner parks it.
 */
export class RetryIntake implements DeliverySink {
  readonly #of: RetryTopic;
  readonly #runner: DeliverySink;
  readonly #clock: Clock;
  /** Those who wait look again. */
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

  /** Passes nothing on any more. What waits stays unsettled: the broker keeps it. */
  end(): void {
    this.#ended = true;
    this.#lookAgain();
  }

  /** n.b. two subscriptions may have retry topics of one name ("a.b" of "c", "a" of "b.c"); each leaves the other's alone. */
  #taken(inner: Delivery): Waiting | undefined {
    const note = retryNoteOf(inner);
    if (note.group !== undefined && note.group !== this.#of.group) {
      inner.settle(ACK);
      return undefined;
    }
    const leftMs = note.dueAtMs === undefined ? 0 : note.dueAtMs - this.#clock.now();
    const dueMs = this.#clock.monotonicMs() + leftMs;
    // n.b. it may have been taken back in the middle of a backoff, which is later than what the note says.
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

  /** How long a message has to wait here. */
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
