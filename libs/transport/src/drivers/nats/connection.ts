import type {
  BrokerConnection,
  BrokerFacts,
  BrokerHealth,
  BrokerHost,
  Consumption,
  Producer,
  Requester,
  SubscriptionSink,
  TopicPurpose,
  TopicQuery,
  TransportError,
} from '../../contract/index.js';
import { connectWithBackoff } from '../kit/connect.js';
import { Answers, type SendRequest } from './answers.js';
import { Consumers } from './receiving/consumers.js';
import { CoreIntake } from './receiving/core-intake.js';
import { CorePublisher } from './publishing/core-publisher.js';
import { coreFacts, streamFacts } from './topology/facts.js';
import { errorOf } from './client/failures.js';
import { SubscriptionIntake } from './receiving/intake.js';
import { Link } from './client/link.js';
import type { ResolvedNatsOptions } from './options.js';
import { Refusals } from './client/refusals.js';
import { JetStreamPublisher } from './publishing/publisher.js';
import { checkSubscribedTopic, Streams } from './topology/streams.js';
import { NatsConsumption, type Intake } from './receiving/subscriber.js';

/** What differs between JetStream and core NATS. */
interface Mode {
  readonly producer: Producer & { readonly sendRequest: SendRequest; close(): void };
  ensureTopics(topics: readonly string[], purpose: TopicPurpose): Promise<void>;
  describe(queries: readonly TopicQuery[]): Promise<BrokerFacts>;
  intakeOf(subscription: SubscriptionSink, answers: Answers): Intake;
}

/** One application's connection to one NATS system. */
export class NatsConnection implements BrokerConnection {
  readonly producer: Producer;
  readonly requester: Requester;
  readonly #host: BrokerHost;
  readonly #link: Link;
  readonly #mode: Mode;
  readonly #answers: Answers;
  readonly #refusals: Refusals;
  readonly #consumptions = new Set<NatsConsumption>();
  readonly #closing = new AbortController();
  #unreachable: TransportError | undefined;
  #wasConnected = false;
  #closed: Promise<void> | undefined;

  constructor(host: BrokerHost, options: ResolvedNatsOptions) {
    this.#host = host;
    this.#link = new Link(host, options);
    this.#refusals = new Refusals(host, this.#link, options);
    this.#mode = options.mode === 'core' ? coreMode(host, this.#link, options) : streamMode(host, this.#link, options);
    const { producer } = this.#mode;
    const sendRequest: SendRequest = (message, answerTo) => producer.sendRequest(message, answerTo);
    this.#answers = new Answers(host.clock, this.#link, options, sendRequest);
    this.producer = producer;
    this.requester = this.#answers;
  }

  connect(abort: AbortSignal): Promise<void> {
    const ended = AbortSignal.any([abort, this.#closing.signal]);
    return connectWithBackoff({
      clock: this.#host.clock,
      ended,
      attempt: () => until(ended, this.connectOnce()),
      unreachable: (error) => this.#reportUnreachable(error),
      endedError: () => endedError(this.#link.addresses),
    });
  }

  async connectOnce(): Promise<void> {
    if (this.#closed !== undefined) throw errorOf('TRANSPORT_CLOSED', 'the connection is closed.');
    await this.#link.open();
    this.#wasConnected = true;
    this.#unreachable = undefined;
  }

  ensureTopics(topics: readonly string[], purpose: TopicPurpose): Promise<void> {
    return this.#mode.ensureTopics(topics, purpose);
  }

  describe(queries: readonly TopicQuery[]): Promise<BrokerFacts> {
    return this.#mode.describe(queries);
  }

  async consume(subscriptions: readonly SubscriptionSink[]): Promise<Consumption> {
    if (this.#closed !== undefined) throw errorOf('TRANSPORT_CLOSED', 'the connection is closed.');
    await this.connectOnce();
    const intakes = subscriptions.map((subscription) => this.#mode.intakeOf(subscription, this.#answers));
    const consumption = new NatsConsumption(intakes, this.#consumptions);
    await consumption.start();
    return consumption;
  }

  health(): BrokerHealth {
    if (this.#closed !== undefined) return { status: 'down', problems: ['the connection is closed'] };
    const consumptions = [...this.#consumptions];
    const problems = [...consumptions.flatMap((consumption) => consumption.problems), ...this.#refusals.problems];
    const broken = this.#link.problem ?? this.#unreachable;
    if (broken !== undefined) return { status: 'down', problems: [broken.message, ...problems] };
    if (!this.#wasConnected) return { status: 'down', problems: ['not connected yet'] };
    if (this.#refusals.isDown || consumptions.some((consumption) => consumption.isDown))
      return { status: 'down', problems };
    return { status: problems.length > 0 ? 'degraded' : 'up', problems };
  }

  close(): Promise<void> {
    this.#closed ??= this.#close();
    return this.#closed;
  }

  async #close(): Promise<void> {
    this.#closing.abort();
    await Promise.all([...this.#consumptions].map((consumption) => consumption.close()));
    this.#mode.producer.close();
    await this.#link.close();
  }

  #reportUnreachable(error: TransportError): void {
    const first = this.#unreachable === undefined;
    this.#unreachable = error;
    if (first) this.#host.notices.emit('broker:unreachable', { broker: this.#host.broker, error });
  }
}

function streamMode(host: BrokerHost, link: Link, options: ResolvedNatsOptions): Mode {
  const streams = new Streams(link, options);
  const consumers = new Consumers(link, streams, options);
  return {
    producer: new JetStreamPublisher(host, link, streams, options),
    ensureTopics: async (topics, purpose) => {
      topics.forEach(checkSubscribedTopic);
      await streams.ensure(topics);
      if (purpose === 'dead-letter') await streams.checkKept(topics);
    },
    describe: async (queries) => {
      const topics = [...new Set(queries.map(({ topic }) => topic))];
      const keeping = topics.map(async (topic) => [topic, await streams.keepingOf(topic)] as const);
      return streamFacts(queries, new Map(await Promise.all(keeping)), link.isClustered);
    },
    intakeOf: (subscription, answers) =>
      new SubscriptionIntake({ host, link, streams, consumers, answers }, subscription),
  };
}

/** Core NATS has no topics that could be missing. */
function coreMode(host: BrokerHost, link: Link, { maxBuffered }: ResolvedNatsOptions): Mode {
  return {
    producer: new CorePublisher(link),
    ensureTopics: (topics) => Promise.resolve(topics.forEach(checkSubscribedTopic)),
    describe: (queries) => Promise.resolve(coreFacts(queries)),
    intakeOf: (subscription, answers) => new CoreIntake(host, link, answers, subscription, maxBuffered),
  };
}

/** Stops waiting when the signal is aborted. */
function until(ended: AbortSignal, promise: Promise<void>): Promise<void> {
  return new Promise((resolve, reject) => {
    const end = (): void => reject(errorOf('TRANSPORT_CLOSED', 'connecting was cancelled before a server answered.'));
    if (ended.aborted) end();
    ended.addEventListener('abort', end, { once: true });
    promise.then(resolve, reject).finally(() => ended.removeEventListener('abort', end));
  });
}

const endedError = (addresses: string): TransportError =>
  errorOf('TRANSPORT_CLOSED', `connecting to ${addresses} was cancelled before a server answered.`);
