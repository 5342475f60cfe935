import {
  atPlace,
  jsonCodec,
  requireCapabilities,
  TransportError,
  type Broker,
  type BrokerConnection,
  type BrokerHost,
  type CapabilityName,
  type Codec,
  type Consumption,
  type Subscription,
  type SubscriptionSink,
} from '../contract/index.js';
import type { Classifier } from './classification.js';
import { resolveConsumingOptions, type ResolvedConsumingOptions } from './consuming-options.js';
import { DeadLetters } from './dead-letter.js';
import type { RestOfWork, SubscriptionPlan } from './route.js';
import { defaultUnknownTypePolicy, routerOf } from './routing.js';
import { SubscriptionRunner, type RunnerPlan, type RunnerTools } from './runner.js';

export interface ConsumerSettings {
  /** @default JSON */
  readonly codec?: Codec;
  /** Looks at an error before the library's own table does; undefined leaves it to the table. */
  readonly classify?: Classifier;
  /** @default what a handler gives is all there is, once it is awaited */
  readonly restOf?: RestOfWork;
  /** A number in [0, 1), for the jitter of delays. @default Math.random */
  readonly random?: () => number;
}

/** What is known of one subscription before it starts: every default filled in. */
export interface SubscriptionSummary extends ResolvedConsumingOptions {
  readonly topic: string;
  readonly group: string;
  /** undefined: discarded */
  readonly resolvedDeadLetterTopic: string | undefined;
}

interface Running extends SubscriptionSink {
  readonly plan: RunnerPlan;
  readonly keyed: boolean;
  readonly sink: SubscriptionRunner;
}

/** All subscriptions of one application on one broker: their runners, their intake, their end. */
export class Consumer {
  readonly #broker: Broker;
  readonly #connection: BrokerConnection;
  readonly #host: BrokerHost;
  readonly #running: readonly Running[];
  #consumption: Consumption | undefined;
  #drained: Promise<number> | undefined;

  /**
   * Checks everything that can be known to be wrong before a broker is asked.
   * @throws TransportError `TRANSPORT_OPTION_*`, `TRANSPORT_CAPABILITY_ABSENT`, `TRANSPORT_SUBSCRIPTION_DUPLICATE`,
   *   `TRANSPORT_TOPIC_INVALID`, `TRANSPORT_GROUP_INVALID`
   */
  constructor(
    broker: Broker,
    connection: BrokerConnection,
    host: BrokerHost,
    plans: readonly SubscriptionPlan[],
    settings: ConsumerSettings = {},
  ) {
    this.#broker = broker;
    this.#connection = connection;
    this.#host = host;
    refuseDuplicates(plans);
    const tools = runnerTools(connection, host, settings);
    this.#running = plans.map((plan) => this.#prepare(plan, tools));
  }

  /** Messages with the runners that are not settled. */
  get inFlight(): number {
    return this.#running.reduce((sum, { sink }) => sum + sink.inFlight, 0);
  }

  /** The subscriptions with every default filled in, for logs and health. */
  get subscriptions(): readonly SubscriptionSummary[] {
    return this.#running.map(({ plan: { topic, group, options, deadLetterTopic } }) => ({
      topic,
      group,
      ...options,
      resolvedDeadLetterTopic: deadLetterTopic,
    }));
  }

  /**
   * Makes sure of topics and dead-letter topics, then starts intake.
   * @throws TransportError `TRANSPORT_TOPIC_MISSING` and what else the driver's `ensureTopics` and `consume` refuse
   */
  async start(): Promise<void> {
    if (this.#running.length === 0 || this.#isDraining()) return;
    await this.#connection.ensureTopics(this.#topics());
    const consumption = await this.#connection.consume(this.#running);
    // n.b. a drain may have come while the groups were joined: then nobody else would close this.
    if (this.#isDraining()) return consumption.close();
    this.#consumption = consumption;
    for (const { plan, keyed } of this.#running) this.#tellStarted(plan, keyed);
  }

  /**
   * Stops intake, lets what runs finish for at most `timeoutMs`, makes the settlements safe and leaves the groups.
   * Resolves with the number of messages left unsettled: the broker brings them back. Twice is the same as once.
   */
  drain(timeoutMs: number): Promise<number> {
    this.#drained ??= this.#drain(timeoutMs);
    return this.#drained;
  }

  #isDraining(): boolean {
    return this.#drained !== undefined;
  }

  async #drain(timeoutMs: number): Promise<number> {
    const { notices, broker, clock } = this.#host;
    const startedAt = clock.monotonicMs();
    notices.emit('drain:started', { broker, inFlight: this.inFlight, timeoutMs });
    const stopped = this.#consumption?.stop() ?? Promise.resolve();
    await this.#within(timeoutMs, [stopped, ...this.#running.map(({ sink }) => sink.drain())]);
    const unsettled = this.inFlight;
    await this.#consumption?.close();
    notices.emit('drain:finished', { broker, unsettled, durationMs: Math.round(clock.monotonicMs() - startedAt) });
    return unsettled;
  }

  async #within(timeoutMs: number, work: readonly Promise<void>[]): Promise<void> {
    let callOff = (): void => undefined;
    const deadline = new Promise<void>((resolve) => {
      callOff = this.#host.clock.schedule(timeoutMs, resolve);
    });
    await Promise.race([Promise.all(work), deadline]).finally(callOff);
  }

  #prepare(plan: SubscriptionPlan, tools: RunnerTools): Running {
    const { topic, group, where } = plan;
    const options = resolveConsumingOptions(where, plan.options);
    const subscription = { topic, group, ...options };
    requireCapabilities(this.#broker, neededCapabilities(options), where);
    const deadLetterTopic = deadLetterTopicOf(plan, options);
    this.#checkNames(where, subscription, deadLetterTopic);
    const runnerPlan: RunnerPlan = {
      broker: this.#host.broker,
      topic,
      group,
      options,
      deadLetterTopic,
      unknownType: options.unknownType ?? defaultUnknownTypePolicy(topic, plan.routes),
      nativeRedelivery: this.#broker.capabilities.redelivery === 'native',
      route: routerOf(topic, plan.routes),
    };
    const keyed = plan.routes.some((route) => route.keyed !== false);
    return { plan: runnerPlan, keyed, subscription, sink: new SubscriptionRunner(runnerPlan, tools) };
  }

  #checkNames(where: string, subscription: Subscription, deadLetterTopic: string | undefined): void {
    const topics = deadLetterTopic === undefined ? [subscription.topic] : [subscription.topic, deadLetterTopic];
    try {
      for (const topic of topics) this.#broker.checkSubscription({ ...subscription, topic });
    } catch (error) {
      throw atPlace(where, error);
    }
  }

  #topics(): readonly string[] {
    const topics = this.#running.flatMap(({ plan }) => [plan.topic, plan.deadLetterTopic]);
    return [...new Set(topics)].filter((topic) => topic !== undefined);
  }

  #tellStarted({ broker, topic, group, options }: RunnerPlan, keyed: boolean): void {
    this.#host.notices.emit('subscription:started', { broker, topic, group });
    const oneAtATime = options.ordering === 'key' && !keyed && this.#broker.capabilities.orderByPartition !== 'absent';
    if (!oneAtATime || options.concurrency === 1) return;
    const warning = `its events have no key, so each partition is handled one message at a time, whatever concurrency (${options.concurrency}) says; give the event a key, or set ordering: 'none'`;
    this.#host.notices.emit('subscription:warned', { broker, topic, group, warning });
  }
}

function runnerTools(connection: BrokerConnection, host: BrokerHost, settings: ConsumerSettings): RunnerTools {
  return {
    codec: settings.codec ?? jsonCodec,
    clock: host.clock,
    notices: host.notices,
    deadLetters: new DeadLetters(connection.producer),
    classify: settings.classify,
    restOf: settings.restOf,
    random: settings.random ?? Math.random,
  };
}

function neededCapabilities({ ordering, startFrom, deadLetterTopic }: ResolvedConsumingOptions): CapabilityName[] {
  return [
    'groups',
    ...(ordering === 'key' ? (['orderByKey'] as const) : []),
    ...(ordering === 'partition' ? (['orderByPartition'] as const) : []),
    ...(startFrom === 'beginning' ? (['startFromBeginning'] as const) : []),
    ...(deadLetterTopic === false ? [] : (['deadLetter'] as const)),
  ];
}

function deadLetterTopicOf({ topic, group }: SubscriptionPlan, options: ResolvedConsumingOptions): string | undefined {
  if (options.deadLetterTopic === false) return undefined;
  return options.deadLetterTopic ?? `${topic}.${group}.dead-letter`;
}

function refuseDuplicates(plans: readonly SubscriptionPlan[]): void {
  const seen = new Map<string, SubscriptionPlan>();
  for (const plan of plans) {
    const identity = JSON.stringify([plan.topic, plan.group]);
    const earlier = seen.get(identity);
    if (earlier !== undefined) throw duplicate(plan, earlier);
    seen.set(identity, plan);
  }
}

function duplicate(plan: SubscriptionPlan, earlier: SubscriptionPlan): TransportError {
  return new TransportError(
    'TRANSPORT_SUBSCRIPTION_DUPLICATE',
    `${plan.where} and ${earlier.where} both subscribe to topic "${plan.topic}" as group "${plan.group}", so each would miss what the other takes. Give one of them a group of its own.`,
    { topic: plan.topic },
  );
}
