import { Delivery, WIRE_HEADERS, type Headers, type Settlement } from '../../../contract/index.js';
import type { NsqMessage } from '../client/index.js';
import type { Unwrapped } from '../publishing/envelope.js';

/** A message as nsqd sent it: `context.raw`. */
export interface NsqRecord {
  /** nsqd's own id, 16 hexadecimal digits. */
  readonly id: string;
  /** Deliveries so far, as nsqd counts them. */
  readonly attempts: number;
  /** When nsqd took it, in nanoseconds since the epoch. */
  readonly timestampNs: bigint;
  /** As it is stored, the envelope included. */
  readonly body: Buffer;
  /** `host:port` of the nsqd that has it. */
  readonly nsqd: string;
}

/** Whoever handed a delivery over and is told how it goes on. */
export interface DeliveryOwner {
  readonly topic: string;
  readonly group: string;
  /** After this time nsqd gives out again what a process had that has ended. */
  readonly messageTimeoutMs: number;
  settled(delivery: NsqDelivery, settlement: Settlement): void;
  parked(delivery: NsqDelivery): void;
  /** nsqd may have given it to somebody else by now. */
  doubted(): void;
}

/** One NSQ message on its way to a handler. */
export class NsqDelivery extends Delivery<NsqRecord> {
  /** NSQ gives messages no place that a reader could go back to. */
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

  /** What the client has of it; the driver settles through it. */
  get message(): NsqMessage {
    return this.#message;
  }

  get raw(): NsqRecord {
    const { id, attempts, timestampNs, body, nsqd } = this.#message;
    return { id, attempts, timestampNs, body, nsqd };
  }

  /** n.b. of a message without an id: nsqd's, which stays the same on every delivery. */
  override get id(): string {
    return this.headers[WIRE_HEADERS.id] ?? `${this.topic}/${this.#message.id}`;
  }

  override get suspicion(): number {
    return this.#suspicion;
  }

  /** n.b. nsqd waits for the timeout of each message that a process had. */
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
