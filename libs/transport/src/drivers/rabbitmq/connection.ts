import type {
  BrokerConnection,
  BrokerFacts,
  BrokerHealth,
  BrokerHost,
  Consumption,
  SubscriptionSink,
  TopicPurpose,
  TopicQuery,
} from '../../contract/index.js';
import { connectWithBackoff } from '../kit/connect.js';
import { type TransportError } from '../../contract/index.js';
import { ensureEach } from '../../shared/index.js';
import { Dialer } from './client/dialer.js';
import { factsOf } from './topology/facts.js';
import { errorOf } from './client/failures.js';
import { Link } from './client/link.js';
import { checkTopicName, refuseSharedQueues } from './topology/names.js';
import type { ResolvedRabbitmqOptions } from './options.js';
import { QueueInspector } from './topology/queue-inspector.js';
import { RabbitmqPublisher } from './publishing/publisher.js';
import { RabbitmqConsumption } from './receiving/subscriber.js';
import { Topology } from './topology/topology.js';

/**
 * The connections of one application to one RabbitMQ: one to publish and one to consume, because an alarm blocks publishing
 * connections and must not block settlements. The second one is opened on demand.
 */
export class RabbitmqConnection implements BrokerConnection {
  readonly producer: RabbitmqPublisher;
  readonly #host: BrokerHost;
  readonly #options: ResolvedRabbitmqOptions;
  readonly #publishing: Link;
  readonly #consuming: Link;
  readonly #topology: Topology;
  readonly #inspector: QueueInspector;
  readonly #consumptions = new Set<RabbitmqConsumption>();
  readonly #closing = new AbortController();
  #isConnected = false;
  #unreachable: TransportError | undefined;
  #closed: Promise<void> | undefined;

  constructor(host: BrokerHost, options: ResolvedRabbitmqOptions) {
    const name = options.connectionName ?? host.service;
    this.#host = host;
    this.#options = options;
    this.#publishing = new Link(new Dialer(options, `${name} (publish)`), host.clock);
    this.#consuming = new Link(new Dialer(options, `${name} (consume)`), host.clock);
    this.#topology = new Topology(this.#consuming, options);
    this.#inspector = new QueueInspector(this.#consuming, host.clock);
    this.producer = new RabbitmqPublisher(host, this.#publishing, options, (topic, error) => {
      for (const consumption of this.#consumptions) consumption.unfed(topic, error);
    });
    for (const link of [this.#publishing, this.#consuming]) {
      link.watch({ lost: (error) => this.#tellUnreachable(error), opened: () => this.#tellConnected() });
    }
  }

  connect(abort: AbortSignal): Promise<void> {
    return this.#untilOpen(this.#publishing, AbortSignal.any([abort, this.#closing.signal]));
  }

  async connectOnce(): Promise<void> {
    await this.#publishing.dial();
  }

  async ensureTopics(topics: readonly string[], purpose: TopicPurpose): Promise<void> {
    for (const topic of topics) checkTopicName(topic, this.#options.exchangeType);
    if (purpose === 'dead-letter') this.producer.hold(topics);
    if (topics.length === 0) return;
    await this.#untilOpen(this.#consuming, this.#closing.signal);
    await ensureEach(topics, (topic) => this.#topology.ensureTopic(topic, purpose === 'dead-letter'));
  }

  /** Looks queues up without declaring any. */
  async describe(queries: readonly TopicQuery[]): Promise<BrokerFacts> {
    const isKept = await Promise.all(queries.map((query) => this.#topology.isKept(query)));
    return factsOf(this.#options, queries, isKept);
  }

  async consume(subscriptions: readonly SubscriptionSink[]): Promise<Consumption> {
    refuseSharedQueues(
      this.#options,
      subscriptions.map(({ subscription }) => subscription),
    );
    await this.#untilOpen(this.#consuming, this.#closing.signal);
    const consumption = new RabbitmqConsumption(
      {
        host: this.#host,
        options: this.#options,
        link: this.#consuming,
        inspector: this.#inspector,
        topology: this.#topology,
        store: this.producer,
      },
      subscriptions,
      this.#consumptions,
    );
    await consumption.start();
    return consumption;
  }

  health(): BrokerHealth {
    if (this.#closed !== undefined) return { status: 'down', problems: ['the connection is closed'] };
    const problems = [...this.#consumptions].flatMap((consumption) => consumption.problems);
    if (this.#unreachable !== undefined) return { status: 'down', problems: [this.#unreachable.message, ...problems] };
    if (!this.#isConnected) return { status: 'down', problems: ['not connected yet'] };
    if (problems.length > 0) return { status: 'down', problems };
    const stalls = [...this.#consumptions].flatMap((consumption) => consumption.stalls);
    stalls.push(...this.producer.stalls);
    return { status: stalls.length > 0 ? 'degraded' : 'up', problems: stalls };
  }

  close(): Promise<void> {
    this.#closed ??= this.#close();
    return this.#closed;
  }

  async #close(): Promise<void> {
    this.#closing.abort();
    await Promise.all([...this.#consumptions].map((consumption) => consumption.close()));
    this.producer.close();
    await Promise.all([this.#publishing.close(), this.#consuming.close()]);
  }

  #untilOpen(link: Link, ended: AbortSignal): Promise<void> {
    return connectWithBackoff({
      clock: this.#host.clock,
      ended,
      attempt: async () => void (await link.dial()),
      unreachable: (error) => this.#tellUnreachable(error),
      endedError: () => {
        const names = this.#options.addresses.map(({ name }) => name).join(', ');
        return errorOf('TRANSPORT_CLOSED', `the wait for ${names} was ended before a broker answered.`);
      },
    });
  }

  /** Reports an outage once, although it affects several connections. */
  #tellUnreachable(error: TransportError): void {
    const first = this.#unreachable === undefined;
    this.#unreachable = error;
    if (first) this.#host.notices.emit('broker:unreachable', { broker: this.#host.broker, error });
  }

  #tellConnected(): void {
    if (this.#publishing.model === undefined || this.#consuming.error !== undefined) return;
    const wasAway = this.#unreachable !== undefined;
    this.#unreachable = undefined;
    if (this.#isConnected && !wasAway) return;
    this.#isConnected = true;
    this.#host.notices.emit('broker:connected', { broker: this.#host.broker });
  }
}
