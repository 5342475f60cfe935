import type {
  BrokerConnection,
  BrokerFacts,
  BrokerHealth,
  BrokerHost,
  Consumption,
  SubscriptionSink,
  TopicPurpose,
  TopicQuery,
  TransportError,
} from '../../contract/index.js';
import { connectWithBackoff } from '../kit/connect.js';
import { NsqError, NsqProducer, type NsqClientOptions, type NsqPlaces } from './client/index.js';
import { askForKeeping, factsOf } from './facts.js';
import { checkTopicName, errorOf, transportError } from './mapping.js';
import type { ResolvedNsqOptions } from './options.js';
import { ProblemWatch } from './receiving/problem-watch.js';
import { NsqPublisher } from './publishing/publisher.js';
import { NsqConsumption } from './receiving/subscriber.js';

/** One application's connection to NSQ. */
export class NsqConnection implements BrokerConnection {
  readonly producer: NsqPublisher;
  readonly #host: BrokerHost;
  readonly #options: ResolvedNsqOptions;
  readonly #client: NsqClientOptions & NsqPlaces;
  readonly #nsqds: NsqProducer;
  readonly #consumptions = new Set<NsqConsumption>();
  readonly #closing = new AbortController();
  readonly #watch: ProblemWatch;
  #connected = false;
  #unreachable: TransportError | undefined;
  #closed: Promise<void> | undefined;

  constructor(host: BrokerHost, options: ResolvedNsqOptions) {
    const { maxMessageBytes, maxRequestBytes } = options;
    this.#host = host;
    this.#options = options;
    this.#client = clientOptions(host, options);
    this.#nsqds = new NsqProducer({
      ...this.#client,
      ...{ maxMessageBytes, maxRequestBytes },
      onUp: () => this.#tellConnected(),
      onDown: (_nsqd, error) => this.#down(error),
    });
    this.producer = new NsqPublisher(host, this.#nsqds, options);
    this.#watch = new ProblemWatch(host, () => (this.#isDown ? [] : this.#problems));
  }

  connect(abort: AbortSignal): Promise<void> {
    return connectWithBackoff({
      clock: this.#host.clock,
      ended: AbortSignal.any([abort, this.#closing.signal]),
      attempt: () => this.connectOnce(),
      unreachable: (error) => this.#tellUnreachable(error),
      endedError: () => errorOf('TRANSPORT_CLOSED', `the wait for ${this.#places} was ended before an nsqd answered.`),
    });
  }

  async connectOnce(): Promise<void> {
    if (this.#closed !== undefined) throw errorOf('TRANSPORT_CLOSED', 'the connection is closed.');
    try {
      await this.#nsqds.connect();
    } catch (error) {
      if (!(error instanceof NsqError)) throw error;
      if (this.#isClosed) throw errorOf('TRANSPORT_CLOSED', 'the connection is closed.');
      throw transportError(error, `cannot connect to ${this.#places}`);
    }
    this.#tellConnected();
  }

  /** n.b. nothing to look for: nsqd makes a topic when it is first published to, and keeps what has no channel yet. */
  ensureTopics(topics: readonly string[], _purpose: TopicPurpose): Promise<void> {
    try {
      for (const topic of topics) checkTopicName(topic);
      return Promise.resolve();
    } catch (error) {
      return Promise.reject(error as TransportError);
    }
  }

  /** Asks each nsqd that nsqlookupd lists for a setting of its own, over HTTP. */
  async describe(queries: readonly TopicQuery[]): Promise<BrokerFacts> {
    return factsOf(queries, await askForKeeping(this.#options));
  }

  async consume(subscriptions: readonly SubscriptionSink[]): Promise<Consumption> {
    if (this.#closed !== undefined) throw errorOf('TRANSPORT_CLOSED', 'the connection is closed.');
    return NsqConsumption.start(this.#host, this.#options, this.#client, subscriptions, this.#consumptions);
  }

  health(): BrokerHealth {
    if (this.#closed !== undefined) return { status: 'down', problems: ['the connection is closed'] };
    if (!this.#connected) return { status: 'down', problems: [this.#unreachable?.message ?? 'not connected yet'] };
    const pauses = [...this.#consumptions].flatMap((consumption) => consumption.pauses);
    const problems = [...new Set([...this.#problems.map(({ message }) => message), ...pauses])];
    if (this.#isDown) return { status: 'down', problems };
    return { status: problems.length > 0 ? 'degraded' : 'up', problems };
  }

  close(): Promise<void> {
    this.#closed ??= this.#close();
    return this.#closed;
  }

  async #close(): Promise<void> {
    this.#closing.abort();
    this.#watch.close();
    await Promise.all([...this.#consumptions].map((consumption) => consumption.close()));
    this.producer.close();
    await this.#nsqds.close();
  }

  get #isClosed(): boolean {
    return this.#closed !== undefined;
  }

  get #isDown(): boolean {
    return !this.#nsqds.isUp || [...this.#consumptions].some(({ isDown }) => isDown);
  }

  get #problems(): readonly NsqError[] {
    return [...this.#nsqds.problems, ...[...this.#consumptions].flatMap(({ problems }) => problems)];
  }

  get #places(): string {
    return [...(this.#options.nsqd ?? []), ...(this.#options.lookupd ?? [])].join(', ');
  }

  #tellConnected(): void {
    const isNews = !this.#connected || this.#unreachable !== undefined;
    this.#connected = true;
    this.#unreachable = undefined;
    this.#watch.start();
    if (isNews) this.#host.notices.emit('broker:connected', { broker: this.#host.broker });
  }

  /** n.b. one of several that is away is no outage: health says so, and a warning if it stays away. */
  #down(error: NsqError): void {
    if (!this.#connected || this.#nsqds.isUp || this.#isClosed) return;
    this.#tellUnreachable(transportError(error, `lost ${this.#places}`));
  }

  #tellUnreachable(error: TransportError): void {
    const first = this.#unreachable === undefined;
    this.#unreachable = error;
    if (first) this.#host.notices.emit('broker:unreachable', { broker: this.#host.broker, error });
  }
}

/** The options as the client has them. */
function clientOptions(host: BrokerHost, options: ResolvedNsqOptions): NsqClientOptions & NsqPlaces {
  const { nsqd, lookupd, lookupIntervalMs, tls, authSecret, compression } = options;
  const { connectionTimeoutMs, requestTimeoutMs, heartbeatIntervalMs, messageTimeoutMs, outputBufferMs } = options;
  return {
    clientId: options.clientId ?? host.service,
    ...(nsqd === undefined ? {} : { nsqd }),
    ...(lookupd === undefined ? {} : { lookupd }),
    ...(tls === undefined ? {} : { tls }),
    ...(authSecret === undefined ? {} : { authSecret }),
    ...{ lookupIntervalMs, compression, connectionTimeoutMs, requestTimeoutMs, heartbeatIntervalMs },
    ...{ messageTimeoutMs, outputBufferMs, clock: host.clock },
    maxFrameBytes: Math.max(LEAST_FRAME_BYTES, options.maxMessageBytes * 2),
  };
}

/** A server may take larger messages than we send. */
const LEAST_FRAME_BYTES = 16_777_216;
