import type {
  BrokerConnection,
  BrokerHealth,
  BrokerHost,
  Consumption,
  OutgoingMessage,
  Reply,
  Requester,
  SubscriptionSink,
  TopicPurpose,
} from '../contract/index.js';
import { TransportError } from '../contract/index.js';
import { OrderedProducer } from './ordered-producer.js';

/**
 * Orders all sends of a driver's connection by topic, whichever part of the application makes them. Its health names
 * the topics whose messages the broker rejects.
 */
export class OrderedConnection implements BrokerConnection {
  readonly producer: OrderedProducer;
  readonly describe?: NonNullable<BrokerConnection['describe']>;
  readonly requester?: Requester;
  readonly groupsSpanTopics: boolean;
  readonly #connection: BrokerConnection;

  constructor(connection: BrokerConnection, host: Pick<BrokerHost, 'clock' | 'notices' | 'broker'>) {
    this.#connection = connection;
    this.producer = new OrderedProducer(connection.producer, host, () => connection.health());
    this.groupsSpanTopics = connection.groupsSpanTopics ?? false;
    if (connection.requester !== undefined) this.requester = new WatchedRequester(connection.requester, this.producer);
    if (connection.describe !== undefined) this.describe = connection.describe.bind(connection);
  }

  connect(abort: AbortSignal): Promise<void> {
    return this.#connection.connect(abort);
  }

  connectOnce(): Promise<void> {
    return this.#connection.connectOnce();
  }

  ensureTopics(topics: readonly string[], purpose: TopicPurpose): Promise<void> {
    return this.#connection.ensureTopics(topics, purpose);
  }

  consume(subscriptions: readonly SubscriptionSink[]): Promise<Consumption> {
    return this.#connection.consume(subscriptions);
  }

  health(): BrokerHealth {
    const health = this.#connection.health();
    const refused = this.producer.problems;
    if (refused.length === 0) return health;
    const { status, problems } = health;
    return { status: status === 'up' ? 'degraded' : status, problems: [...problems, ...refused] };
  }

  close(): Promise<void> {
    this.producer.close();
    return this.#connection.close();
  }
}

/** Watches requests that a driver sends itself: their outcome counts for the topic like that of a publish. */
class WatchedRequester implements Requester {
  readonly #requester: Requester;
  readonly #producer: OrderedProducer;

  constructor(requester: Requester, producer: OrderedProducer) {
    this.#requester = requester;
    this.#producer = producer;
  }

  async request(message: OutgoingMessage, onReply: (reply: Reply) => void): Promise<() => void> {
    try {
      const stop = await this.#requester.request(message, onReply);
      this.#producer.troubles.stored(message.topic, undefined);
      return stop;
    } catch (error) {
      if (error instanceof TransportError) this.#producer.troubles.note(message.topic, [error]);
      throw error;
    }
  }
}
