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
 * Implements request/reply on any broker that has topics. Replies go to a topic of the service; every instance reads
 * them all and takes those to its own requests. The first request is slower because it creates the topic's
 * subscription.
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

  /** The topic for replies to this service's requests. */
  get topic(): string {
    return `${this.#host.service}.reply`;
  }

  /** Resolves when replies can arrive. @throws TransportError those of `ensureTopics` and `consume` */
  ready(): Promise<void> {
    return (this.#opened ??= this.#open());
  }

  /** @throws TransportError those of `ensureTopics`, `consume` and `send` */
  async request(message: OutgoingMessage, onReply: (reply: Reply) => void): Promise<() => void> {
    await this.ready();
    // A separate id, because two requests can carry the same message id.
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
    throw result ?? new Error('The driver returned no result for a request.');
  }

  receive(deliveries: readonly Delivery[]): void {
    for (const delivery of deliveries) {
      this.#take(delivery);
      delivery.settle(ACK);
    }
  }

  revoked(): void {}

  /** Closes the subscription, even one that is still being created. A second call has no effect. */
  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    this.#waiting.clear();
    await this.#consumption?.close();
  }

  #open(): Promise<void> {
    const opened = this.#subscribe();
    // The next request tries again.
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
    // Most replies are for other instances of the service.
    const order = correlationId === undefined ? undefined : this.#waiting.get(correlationId);
    const reply = order === undefined ? undefined : replyIn(delivery);
    if (reply !== undefined) order?.take(reply, replyIndexOf(delivery));
  }
}
