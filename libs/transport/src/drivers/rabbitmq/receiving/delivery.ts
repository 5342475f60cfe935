import { randomUUID } from 'node:crypto';
import { Delivery, type Headers, type Settlement } from '../../../contract/index.js';
import { bodyOf, headersOf, idOf, keyOf, publishedAtOf, type RabbitmqRecord } from '../mapping.js';

/** Whoever handed a delivery over and is told how it ended. */
export interface DeliveryOwner {
  settled(delivery: RabbitmqDelivery, settlement: Settlement): void;
  parked(delivery: RabbitmqDelivery): void;
  /** False: the delivery may be with somebody else, and has been revoked. */
  mayBegin(): boolean;
}

/** One message on its way to a handler. The constructor reads the key; everything else is read when it is asked for. */
export class RabbitmqDelivery extends Delivery<RabbitmqRecord> {
  /** RabbitMQ has no places. */
  readonly offset = undefined;
  readonly raw: RabbitmqRecord;
  /** The attempt that the broker would count now: what is above it is known to this process alone. */
  readonly countedAttempt: number;
  /** When it came, on the monotonic clock. */
  readonly receivedAtMs: number;
  readonly #owner: DeliveryOwner;
  #suspicion: number;
  #id: string | undefined;
  #headers: Headers | undefined;

  constructor(
    owner: DeliveryOwner,
    record: RabbitmqRecord,
    topic: string,
    group: string,
    attempt: number,
    receivedAtMs: number,
    suspicion = 0,
  ) {
    super(topic, group, keyOf(record), bodyOf(record), attempt, undefined);
    this.raw = record;
    this.countedAttempt = attempt;
    this.receivedAtMs = receivedAtMs;
    this.#owner = owner;
    this.#suspicion = suspicion;
    this.#id = idOf(record);
    this.#headers = undefined;
  }

  override get suspicion(): number {
    return this.#suspicion;
  }

  /** Whoever had it last has said what became of it. */
  explain(): void {
    this.#suspicion = 0;
  }

  /**
   * n.b. a foreign message without an id has no place either: it is given an id here, which it keeps while it is retried,
   * and another one when the broker brings it back after a crash.
   */
  override get id(): string {
    return (this.#id ??= randomUUID());
  }

  get headers(): Headers {
    return (this.#headers ??= headersOf(this.raw));
  }

  get publishedAt(): Date | undefined {
    return publishedAtOf(this.raw);
  }

  header(name: string): string | undefined {
    return this.headers[name.toLowerCase()];
  }

  override mayBegin(): boolean {
    return super.mayBegin() && this.#owner.mayBegin();
  }

  /** The same message, to be handed over in place of this delivery, which is over. */
  again(): RabbitmqDelivery {
    const { raw, topic, group, countedAttempt, receivedAtMs } = this;
    const next = new RabbitmqDelivery(this.#owner, raw, topic, group, countedAttempt, receivedAtMs, this.#suspicion);
    next.attempt = this.attempt;
    next.notBeforeMs = this.notBeforeMs;
    next.#id = this.#id;
    return next;
  }

  override park(nextAttempt: number, delayMs: number): void {
    super.park(nextAttempt, delayMs);
    this.#owner.parked(this);
  }

  protected settled(settlement: Settlement): void {
    this.#owner.settled(this, settlement);
  }
}
