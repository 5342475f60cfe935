import { randomUUID } from 'node:crypto';
import { Delivery, type Headers, type Settlement } from '../../../contract/index.js';
import { bodyOf, headersOf, idOf, keyOf, publishedAtOf, type RabbitmqRecord } from '../mapping.js';

/** The intake that delivered a message and receives its settlement. */
export interface DeliveryOwner {
  settled(delivery: RabbitmqDelivery, settlement: Settlement): void;
  parked(delivery: RabbitmqDelivery): void;
  /** Returns false when another consumer may have the message; then the delivery was revoked. */
  mayBegin(): boolean;
}

/** Delivers one message to a handler. The constructor reads the key; everything else is decoded on access. */
export class RabbitmqDelivery extends Delivery<RabbitmqRecord> {
  /** RabbitMQ has no offsets. */
  readonly offset = undefined;
  readonly raw: RabbitmqRecord;
  /** The attempt that the broker counts now. Only this process knows of later attempts. */
  readonly countedAttempt: number;
  /** Time of arrival on the monotonic clock. */
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

  /** Clears the suspicion, because the previous consumer has recorded the outcome. */
  explain(): void {
    this.#suspicion = 0;
  }

  /**
   * The message id. A foreign message without an id gets a random one, which it keeps across retries. After a crash the
   * redelivered message gets another one.
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

  /** Creates a new delivery of the same message, because this one was revoked. */
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
