import { randomUUID } from 'node:crypto';
import { Delivery, WIRE_HEADERS, type Headers, type Reply, type Settlement } from '../../../contract/index.js';
import { readHeaders, type NatsMessage, type ReadHeaders, type StreamPlace } from '../mapping.js';

/** The source of a delivery, which is notified of its outcome. */
export interface DeliveryOwner {
  readonly group: string;
  /** Whether a handler may start: the message still belongs to this process, as far as can be known. */
  mayBegin(delivery: NatsDelivery): boolean;
  settled(delivery: NatsDelivery, settlement: Settlement): void;
  parked(delivery: NatsDelivery): void;
  /** Sends a reply to an address. */
  answer(address: string, reply: Reply): void;
  /** Returns the address for the reply to a message; undefined if no reply is expected. */
  answerAddress(message: NatsMessage, headers: ReadHeaders): string | undefined;
}

/** One NATS message on its way to a handler. */
export class NatsDelivery extends Delivery<NatsMessage> {
  readonly offset: string | undefined;
  /** The sequence of the message in its stream; 0 with core NATS. */
  readonly sequence: number;
  readonly raw: NatsMessage;
  /** The subject of its settlement; replaced when the server redelivers the message meanwhile. */
  address: string;
  /** How often the server has delivered it; 1 with core NATS. */
  deliveries: number;
  /** On the monotonic clock: the server confirmed that the ack wait started at this moment or later. */
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

  /** The server has redelivered a message that is still here: it is settled under its newest address. */
  renew(address: string, deliveries: number, confirmedMs: number): void {
    this.address = address;
    this.deliveries = deliveries;
    this.confirmedMs = confirmedMs;
  }

  override get suspicion(): number {
    return this.#suspicion;
  }

  /** The ack wait of each message of a process ends separately. */
  override get suspectsFollowWithinMs(): number {
    return this.#ackWaitMs;
  }

  get headers(): Headers {
    return this.#read.headers;
  }

  get publishedAt(): Date | undefined {
    return this.#storedAtMs === undefined ? undefined : new Date(this.#storedAtMs);
  }

  /** Messages of core NATS have no offset and are never redelivered, so a random id is sufficient. */
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

/** Shares the bytes instead of copying them. */
const bufferOf = ({ buffer, byteOffset, byteLength }: Uint8Array): Buffer =>
  Buffer.from(buffer as ArrayBuffer, byteOffset, byteLength);
