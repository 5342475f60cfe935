import {
  isTopicPattern,
  type BrokerConnection,
  type BrokerFacts,
  type BrokerHealth,
  type BrokerHost,
  type Consumption,
  type Requester,
  type SubscriptionSink,
  type TopicQuery,
} from '../../contract/index.js';
import { MemoryProducer } from './publisher.js';
import type { MemoryStore } from './store.js';
import { MemoryConsumption } from './subscriber.js';

/** One application's connection to a memory broker. */
export class MemoryConnection implements BrokerConnection {
  readonly producer: MemoryProducer;
  readonly requester: Requester;
  readonly #store: MemoryStore;
  readonly #host: BrokerHost;
  #closed = false;

  constructor(store: MemoryStore, host: BrokerHost) {
    const producer = new MemoryProducer(store, host.clock);
    this.#store = store;
    this.#host = host;
    this.producer = producer;
    this.requester = producer;
    store.waiting.opened(host.clock);
  }

  connect(): Promise<void> {
    return this.connectOnce();
  }

  connectOnce(): Promise<void> {
    this.#host.notices.emit('broker:connected', { broker: this.#host.broker });
    return Promise.resolve();
  }

  ensureTopics(topics: readonly string[]): Promise<void> {
    for (const topic of topics) if (!isTopicPattern(topic)) this.#store.topic(topic);
    return Promise.resolve();
  }

  describe(queries: readonly TopicQuery[]): Promise<BrokerFacts> {
    const topics = queries.map(() => ({ storage: 'process' }) as const);
    return Promise.resolve({ confirmedBy: 'all', idempotent: true, topics });
  }

  async consume(subscriptions: readonly SubscriptionSink[]): Promise<Consumption> {
    return new MemoryConsumption(this.#store, this.#host, subscriptions);
  }

  health(): BrokerHealth {
    return this.#closed ? { status: 'down', problems: ['the connection is closed'] } : { status: 'up', problems: [] };
  }

  close(): Promise<void> {
    if (!this.#closed) this.#store.waiting.closed(this.#host.clock);
    this.#closed = true;
    this.producer.close();
    return Promise.resolve();
  }
}
