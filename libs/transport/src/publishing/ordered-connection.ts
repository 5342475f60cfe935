import type {
  BrokerConnection,
  BrokerHealth,
  Consumption,
  Requester,
  SubscriptionSink,
  TopicPurpose,
} from '../contract/index.js';
import { OrderedProducer } from './ordered-producer.js';

/** A driver's connection whose sends are ordered by topic, whichever part of the application makes them. */
export class OrderedConnection implements BrokerConnection {
  readonly producer: OrderedProducer;
  readonly describe?: NonNullable<BrokerConnection['describe']>;
  readonly requester?: Requester;
  readonly groupsSpanTopics: boolean;
  readonly #connection: BrokerConnection;

  constructor(connection: BrokerConnection) {
    this.#connection = connection;
    this.producer = new OrderedProducer(connection.producer);
    this.groupsSpanTopics = connection.groupsSpanTopics ?? false;
    if (connection.requester !== undefined) this.requester = connection.requester;
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
    return this.#connection.health();
  }

  close(): Promise<void> {
    return this.#connection.close();
  }
}
