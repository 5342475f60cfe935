import { Delivery, WIRE_HEADERS, type Headers, type Settlement } from '../../../contract/index.js';
import type { NsqMessage } from '../client/index.js';
import type { Unwrapped } from '../publishing/envelope.js';

/** A message as nsqd sent it; available as `context.raw`. */
export interface NsqRecord {
  /** nsqd's id of the message, 16 hexadecimal digits. */
  readonly id: string;
  /** Deliveries so far, as nsqd counts them. */
  readonly attempts: number;
  /** When nsqd received it, in nanoseconds since the epoch. */
  readonly timestampNs: bigint;
  /** The stored body, including the envelope. */
  readonly body: Buffer;
  /** Address of its nsqd, `host:port`. */
  readonly nsqd: string;
}

/** The source of a delivery, which is notified of its outcome. */
export interface DeliveryOwner {
  readonly topic: string;
  readonly group: string;
  /** Milliseconds after which nsqd redelivers the messages of a process that has ended. */
  readonly messageTimeoutMs: number;
  settled(delivery: NsqDelivery, settlement: Settlement): void;
  parked(delivery: NsqDelivery): void;
  /** nsqd may have redelivered it to another consumer. */
  doubted(): void;
}

/** One NSQ message on its way to a handler. */
export class NsqDelivery extends Delivery<NsqRecord> {
  /** NSQ has no offsets. */
  readonly offset = undefined;
  readonly headers: Headers;
  readonly #owner: DeliveryOwner;
  readonly #time: string | undefined;
  readonly #message: NsqMessage;
  readonly #suspicion: number;

  constructor(owner: DeliveryOwner, message: NsqMessage, unwrapped: Unwrapped, attempt: number, suspicion = 0) {
    super(owner.topic, owner.group, unwrapped.key, unwrapped.body, attempt, undefined);
    this.headers = unwrapped.headers;
    this.#owner = owner;
    this.#time = unwrapped.time;
    this.#message = message;
    this.#suspicion = suspicion;
  }

  /** The client's message, through which the driver settles it. */
  get message(): NsqMessage {
    return this.#message;
  }

  get raw(): NsqRecord {
    const { id, attempts, timestampNs, body, nsqd } = this.#message;
    return { id, attempts, timestampNs, body, nsqd };
  }

  /** A message without an id gets nsqd's, which stays the same on every delivery. */
  override get id(): string {
    return this.headers[WIRE_HEADERS.id] ?? `${this.topic}/${this.#message.id}`;
  }

  override get suspicion(): number {
    return this.#suspicion;
  }

  /** nsqd waits for the timeout of each message of a process. */
  override get suspectsFollowWithinMs(): number {
    return this.#owner.messageTimeoutMs;
  }

  get publishedAt(): Date {
    const said = new Date(this.#time ?? Number.NaN);
    return Number.isNaN(said.getTime()) ? new Date(Number(this.#message.timestampNs / 1_000_000n)) : said;
  }

  header(name: string): string | undefined {
    return this.headers[name] ?? this.headers[name.toLowerCase()];
  }

  override mayBegin(): boolean {
    if (!super.mayBegin()) return false;
    if (this.#message.isKept) return true;
    this.#owner.doubted();
    return false;
  }

  override park(nextAttempt: number, delayMs: number): void {
    super.park(nextAttempt, delayMs);
    this.#owner.parked(this);
  }

  protected settled(settlement: Settlement): void {
    this.#owner.settled(this, settlement);
  }
}
