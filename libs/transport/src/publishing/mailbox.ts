import { randomBytes, randomUUID } from 'node:crypto';
import {
  ACK,
  replyIn,
  replyIndexOf,
  WIRE_HEADERS,
  type BrokerConnection,
  type BrokerHost,
  type Consumption,
  type Delivery,
  type DeliverySink,
  type OutgoingMessage,
  type Reply,
  type Requester,
} from '../contract/index.js';
import { ReplyOrder } from './reply-order.js';

/**
 * Requests and replies over any broker that has topics: replies come to a topic of the service, every instance reads all
 * of them, and takes those that it asked for. The first request makes the topic's subscription, so it takes longer.
 */
export class MailboxRequester implements Requester, DeliverySink {
  readonly #connection: BrokerConnection;
  readonly #host: BrokerHost;
  readonly #waiting = new Map<string, ReplyOrder>();
  #opened: Promise<void> | undefined;
  #consumption: Consumption | undefined;
  #closed = false;

  constructor(connection: BrokerConnection, host: BrokerHost) {
    this.#connection = connection;
    this.#host = host;
  }

  /** Where the answers to this service's requests come. */
  get topic(): string {
    return `${this.#host.service}.reply`;
  }

  /** Resolves when replies can come. @throws TransportError what `ensureTopics` and `consume` say */
  ready(): Promise<void> {
    return (this.#opened ??= this.#open());
  }

  /** @throws TransportError what `ensureTopics`, `consume` and `send` say */
  async request(message: OutgoingMessage, onReply: (reply: Reply) => void): Promise<() => void> {
    await this.ready();
    // n.b. an id of its own: two requests may carry the same message id.
    const correlationId = randomUUID();
    const headers = {
      ...message.headers,
      [WIRE_HEADERS.replyTo]: this.topic,
      [WIRE_HEADERS.correlationId]: correlationId,
    };
    const stop = (): void => void this.#waiting.delete(correlationId);
    this.#waiting.set(correlationId, new ReplyOrder(onReply));
    const [result] = await this.#connection.producer.send([{ ...message, headers }]);
    if (!(result instanceof Error) && result !== undefined) return stop;
    stop();
    throw result ?? new Error('The driver gave no result for a request.');
  }

  receive(deliveries: readonly Delivery[]): void {
    for (const delivery of deliveries) {
      this.#take(delivery);
      delivery.settle(ACK);
    }
  }

  revoked(): void {}

  /** A subscription that is still being made is closed when it comes: nobody waits for it. Twice is the same as once. */
  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    this.#waiting.clear();
    await this.#consumption?.close();
  }

  #open(): Promise<void> {
    const opened = this.#subscribe();
    // n.b. the next request tries again.
    opened.catch(() => (this.#opened = undefined));
    return opened;
  }

  async #subscribe(): Promise<void> {
    await this.#connection.ensureTopics([this.topic], 'subscribe');
    const subscription = {
      topic: this.topic,
      group: `${this.#host.service}.${randomBytes(4).toString('hex')}`,
      delivery: 'every-instance',
      startFrom: 'new',
      ordering: 'none',
      concurrency: 1,
      maxInFlight: 256,
    } as const;
    const consumption = await this.#connection.consume([{ subscription, sink: this }]);
    this.#consumption = consumption;
    if (this.#closed) await consumption.close();
  }

  #take(delivery: Delivery): void {
    const correlationId = delivery.header(WIRE_HEADERS.correlationId);
    // n.b. most are for the other instances of the service.
    const order = correlationId === undefined ? undefined : this.#waiting.get(correlationId);
    const reply = order === undefined ? undefined : replyIn(delivery);
    if (reply !== undefined) order?.take(reply, replyIndexOf(delivery));
  }
}
