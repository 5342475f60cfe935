import type {
  BrokerConnection,
  BrokerFacts,
  BrokerHealth,
  BrokerHost,
  Consumption,
  SubscriptionSink,
  TopicQuery,
  TransportError,
} from '../../contract/index.js';
import { connectWithBackoff } from '../kit/connect.js';
import { KafkaJsClient } from './client/kafkajs/index.js';
import { ClientFailure, type KafkaClient } from './client/seam.js';
import { factsOf } from './topology/facts.js';
import { errorOf, transportError } from './mapping.js';
import type { ResolvedKafkaOptions } from './options.js';
import { KafkaPublisher } from './publishing/publisher.js';
import { KafkaConsumption } from './receiving/subscriber.js';
import { Topics } from './topology/topics.js';

/** One application's connection to one Kafka cluster. */
export class KafkaConnection implements BrokerConnection {
  readonly producer: KafkaPublisher;
  readonly groupsSpanTopics = true;
  readonly #host: BrokerHost;
  readonly #options: ResolvedKafkaOptions;
  readonly #client: KafkaClient;
  readonly #topics: Topics;
  readonly #consumptions = new Set<KafkaConsumption>();
  readonly #closing = new AbortController();
  #connected = false;
  #unreachable: TransportError | undefined;
  #closed: Promise<void> | undefined;

  constructor(
    host: BrokerHost,
    options: ResolvedKafkaOptions,
    client: KafkaClient = new KafkaJsClient(options, options.clientId ?? host.service),
  ) {
    this.#host = host;
    this.#options = options;
    this.#client = client;
    this.#topics = new Topics(this.#client, options, host.clock);
    this.producer = new KafkaPublisher(host, this.#client, options);
  }

  connect(abort: AbortSignal): Promise<void> {
    return connectWithBackoff({
      clock: this.#host.clock,
      ended: AbortSignal.any([abort, this.#closing.signal]),
      attempt: () => this.connectOnce(),
      unreachable: (error) => this.#tellUnreachable(error),
      endedError: () => endedError(this.#options.brokers.join(', ')),
    });
  }

  async connectOnce(): Promise<void> {
    if (this.#closed !== undefined) throw errorOf('TRANSPORT_CLOSED', 'the connection is closed.');
    try {
      await this.#client.connect();
    } catch (error) {
      if (!(error instanceof ClientFailure)) throw error;
      const { brokers, tls } = this.#options;
      throw transportError(error, { what: `cannot connect to ${brokers.join(', ')}`, brokers, tls: tls !== undefined });
    }
    this.#unreachable = undefined;
    if (this.#connected) return;
    this.#connected = true;
    this.#host.notices.emit('broker:connected', { broker: this.#host.broker });
  }

  ensureTopics(topics: readonly string[]): Promise<void> {
    return this.#topics.ensure(topics);
  }

  async describe(queries: readonly TopicQuery[]): Promise<BrokerFacts> {
    const topics = [...new Set(queries.map(({ topic }) => topic))];
    return factsOf(this.#options, queries, await this.#topics.keepingOf(topics));
  }

  async consume(subscriptions: readonly SubscriptionSink[]): Promise<Consumption> {
    if (this.#closed !== undefined) throw errorOf('TRANSPORT_CLOSED', 'the connection is closed.');
    await this.connectOnce();
    return KafkaConsumption.start(
      this.#host,
      this.#client,
      this.#topics,
      subscriptions,
      this.#options,
      this.#consumptions,
    );
  }

  health(): BrokerHealth {
    if (this.#closed !== undefined) return { status: 'down', problems: ['the connection is closed'] };
    const consumptions = [...this.#consumptions];
    const problems = consumptions.flatMap((consumption) => consumption.problems);
    if (this.#unreachable !== undefined) return { status: 'down', problems: [this.#unreachable.message, ...problems] };
    if (!this.#connected) return { status: 'down', problems: ['not connected yet'] };
    if (consumptions.some((consumption) => consumption.isDown)) return { status: 'down', problems };
    return { status: problems.length > 0 ? 'degraded' : 'up', problems };
  }

  close(): Promise<void> {
    this.#closed ??= this.#close();
    return this.#closed;
  }

  async #close(): Promise<void> {
    this.#closing.abort();
    await Promise.all([...this.#consumptions].map((consumption) => consumption.close()));
    await Promise.all([this.producer.close(), this.#client.close()]);
  }

  #tellUnreachable(error: TransportError): void {
    const first = this.#unreachable === undefined;
    this.#unreachable = error;
    if (first) this.#host.notices.emit('broker:unreachable', { broker: this.#host.broker, error });
  }
}

const endedError = (addresses: string): TransportError =>
  errorOf('TRANSPORT_CLOSED', `connecting to ${addresses} was aborted before a broker answered.`);
