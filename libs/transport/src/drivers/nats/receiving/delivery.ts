import { randomUUID } from 'node:crypto';
import { Delivery, WIRE_HEADERS, type Headers, type Reply, type Settlement } from '../../../contract/index.js';
import { readHeaders, type NatsMessage, type ReadHeaders, type StreamPlace } from '../mapping.js';

/** Whoever handed a delivery over and is told how it ended. */
export interface DeliveryOwner {
  readonly group: string;
  /** Whether a handler may begin with it: it belongs to this process, as far as anybody can know. */
  mayBegin(delivery: NatsDelivery): boolean;
  settled(delivery: NatsDelivery, settlement: Settlement): void;
  parked(delivery: NatsDelivery): void;
  /** Sends an answer to an address. */
  answer(address: string, reply: Reply): void;
  /** Where the answer to a message goes; undefined when nobody waits for one. */
  answerAddress(message: NatsMessage, headers: ReadHeaders): string | undefined;
}

/** One NATS message on its way to a handler. */
export class NatsDelivery extends Delivery<NatsMessage> {
  readonly offset: string | undefined;
  /** The number of the message in its stream; 0 with core NATS. */
  readonly sequence: number;
  readonly raw: NatsMessage;
  /** Where its settlement goes; a newer one when the server has delivered it again meanwhile. */
  address: string;
  /** How often the server has delivered it; 1 with core NATS. */
  deliveries: number;
  /** The server began to count the time for a settlement at this moment of the monotonic clock, or later: it has confirmed that. */
  confirmedMs: number;
  readonly #owner: DeliveryOwner;
  readonly #read: ReadHeaders;
  readonly #storedAtMs: number | undefined;
  readonly #suspicion: number;
  readonly #ackWaitMs: number;
  #id: string | undefined;

  constructor(
    owner: DeliveryOwner,
    message: NatsMessage,
    place: StreamPlace | undefined,
    attempt: number,
    confirmedMs: number,
    { suspicion = 0, ackWaitMs = 0 } = {},
  ) {
    const read = readHeaders(message);
    super(message.subject, owner.group, read.key, read.hasBody ? bufferOf(message.data) : null, attempt, undefined);
    this.offset = place === undefined ? undefined : String(place.sequence);
    this.sequence = place?.sequence ?? 0;
    this.raw = message;
    this.address = message.reply ?? '';
    this.deliveries = place?.deliveries ?? 1;
    this.confirmedMs = confirmedMs;
    this.#owner = owner;
    this.#read = read;
    this.#storedAtMs = place?.storedAtMs;
    this.#suspicion = suspicion;
    this.#ackWaitMs = ackWaitMs;
    this.#id = undefined;
  }

  isOf(owner: DeliveryOwner): boolean {
    return this.#owner === owner;
  }

  /** The server has delivered it again, although it is still here: it is settled under its newest address. */
  renew(address: string, deliveries: number, confirmedMs: number): void {
    this.address = address;
    this.deliveries = deliveries;
    this.confirmedMs = confirmedMs;
  }

  override get suspicion(): number {
    return this.#suspicion;
  }

  /** The time of each message that a process had runs out by itself. */
  override get suspectsFollowWithinMs(): number {
    return this.#ackWaitMs;
  }

  get headers(): Headers {
    return this.#read.headers;
  }

  get publishedAt(): Date | undefined {
    return this.#storedAtMs === undefined ? undefined : new Date(this.#storedAtMs);
  }

  /** n.b. what core NATS delivers has no place, and never comes again: a name of its own will do. */
  override get id(): string {
    return (this.#id ??=
      this.header(WIRE_HEADERS.id) ?? (this.offset === undefined ? `${this.topic}/${randomUUID()}` : super.id));
  }

  override get reply(): ((reply: Reply) => void) | undefined {
    const address = this.#owner.answerAddress(this.raw, this.#read);
    return address === undefined ? undefined : (reply) => this.#owner.answer(address, reply);
  }

  header(name: string): string | undefined {
    return this.#read.headers[name.toLowerCase()];
  }

  override mayBegin(): boolean {
    return super.mayBegin() && this.#owner.mayBegin(this);
  }

  override park(nextAttempt: number, delayMs: number): void {
    super.park(nextAttempt, delayMs);
    this.#owner.parked(this);
  }

  protected settled(settlement: Settlement): void {
    this.#owner.settled(this, settlement);
  }
}

/** n.b. the same bytes, not a copy. */
const bufferOf = ({ buffer, byteOffset, byteLength }: Uint8Array): Buffer =>
  Buffer.from(buffer as ArrayBuffer, byteOffset, byteLength);
