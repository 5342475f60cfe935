import {
  isTransportError,
  messageOf,
  TransportError,
  type Broker,
  type BrokerConnection,
  type BrokerHealth,
  type BrokerHost,
  type Capabilities,
} from '../contract/index.js';
import {
  Consumer,
  DeadLetterAdmin,
  NOT_ASKED,
  type FactsAnswer,
  type Guarantees,
  type SubscriptionControl,
  type SubscriptionPlan,
  type SubscriptionSummary,
} from '../consuming/index.js';
import { createPublisher, OrderedConnection, type ClosablePublisher } from '../publishing/index.js';
import { BrokerHandle } from './broker-handle.js';
import { classifyNestError } from './handlers/classify-nest-error.js';
import { restOf } from './handlers/completion.js';
import type { ResolvedModuleOptions } from './module-options.js';
import { untilKnown } from './lifecycle/until-known.js';
import { REAL_WORLD, type World } from './world.js';

/** Delay before a retry of a permanent failure after the start: a topic may have been created, a password corrected. */
const ANOTHER_TRY_MS = 10_000;

/** Delay before a retry while a part of the broker does not answer. */
const REACH_AGAIN_MS = 1_000;

/** A connection gets at least this long to close, even when the drain timeout is used up. */
const LAST_CLOSE_MS = 2_000;

/**
 * One application on one broker: opens the connection, starts publisher and consumer, and closes them in the right order.
 * Consumers end with `drain`, so that handlers can publish to their last moment; publisher and connection with `close`.
 */
export class BrokerRuntime {
  readonly handle: BrokerHandle = new Handle(this);
  readonly connection: BrokerConnection;
  readonly publisher: ClosablePublisher;
  readonly deadLetters: DeadLetterAdmin;
  readonly #broker: Broker;
  readonly #host: BrokerHost;
  readonly #options: ResolvedModuleOptions;
  readonly #world: World;
  readonly #abort = new AbortController();
  #consumer: Consumer | undefined;
  #connecting: Promise<void> | undefined;
  #subscribing: Promise<void> | undefined;
  #isConnected = false;
  /** The driver reported an outage and keeps reconnecting; it reports each outage once. */
  #isAway = false;
  #isSubscribed = true;
  /** False until the application's bootstrap hooks are over: connected is not yet ready for messages. */
  #mayConsume = false;
  #problem: string | undefined;
  #callOffRetry: (() => void) | undefined;
  #closed: Promise<void> | undefined;

  constructor(broker: Broker, host: BrokerHost, options: ResolvedModuleOptions, world: World = REAL_WORLD) {
    this.#broker = broker;
    this.#host = host;
    this.#options = options;
    this.#world = world;
    this.#watch();
    this.connection = new OrderedConnection(broker.open(host), host);
    this.deadLetters = new DeadLetterAdmin(this.connection, host, this.#abort.signal);
    this.publisher = createPublisher(broker, this.connection, host, options.publishing, options.codec);
  }

  get name(): string {
    return this.#host.broker;
  }

  get driver(): string {
    return this.#broker.driver;
  }

  get capabilities(): Capabilities {
    return this.#broker.capabilities;
  }

  /** Connected, and placed in the group of every subscription there is. */
  get isUp(): boolean {
    return this.#isConnected && this.#isSubscribed;
  }

  /** The subscriptions with every default filled in; empty before `prepare`. */
  get subscriptions(): readonly SubscriptionSummary[] {
    return this.#consumer?.subscriptions ?? [];
  }

  /** Their computed guarantees; undefined before `prepare`. */
  get guarantees(): Guarantees | undefined {
    return this.#consumer?.guarantees;
  }

  /** The broker's settings, as of the last query. */
  get facts(): FactsAnswer {
    return this.guarantees?.answer ?? NOT_ASKED;
  }

  isPaused(topic: string, group: string): boolean {
    return this.#consumer?.isPaused(topic, group) ?? false;
  }

  /** @throws TransportError `TRANSPORT_SUBSCRIPTION_UNKNOWN` */
  control(topic: string, group: string | undefined): SubscriptionControl {
    const control = this.#consumer?.control(topic, group);
    if (control !== undefined) return control;
    const known = this.subscriptions.map((each) => `"${each.topic}" of group "${each.group}"`).join(', ');
    throw new TransportError(
      'TRANSPORT_SUBSCRIPTION_UNKNOWN',
      `Broker "${this.name}" has no single subscription to topic "${topic}"${group === undefined ? '' : ` of group "${group}"`}. Subscriptions: ${known || 'none yet; handlers are known once the application is initialized'}.`,
      { topic },
    );
  }

  health(): BrokerHealth {
    const { status, problems } = this.#reachedHealth();
    if (this.#problem !== undefined) return { status: 'down', problems: [this.#problem, ...problems] };
    if (this.#isConnected || status !== 'up') return { status, problems };
    return { status: 'down', problems: [`Broker "${this.name}" (${this.driver}) is not connected yet.`] };
  }

  /** The driver's health, lowered while copies of messages cannot be stored. */
  #reachedHealth(): BrokerHealth {
    const { status, problems } = this.connection.health();
    const waiting = this.#consumer?.problems ?? [];
    if (waiting.length === 0) return { status, problems };
    return { status: status === 'up' ? 'degraded' : status, problems: [...problems, ...waiting] };
  }

  /**
   * Lets publishes through and connects.
   * Returns when the broker answered (`connect: 'fail'`), or as soon as it is known to be unreachable (`'wait'`).
   */
  async open(): Promise<void> {
    this.publisher.start();
    await this.#start();
  }

  /** Checks the plans without querying the broker. @throws TransportError what `Consumer` refuses */
  prepare(plans: readonly SubscriptionPlan[], tracksHandlers = false): void {
    this.#consumer = new Consumer(this.#broker, this.connection, this.#host, plans, {
      classify: classifyNestError,
      restOf,
      random: this.#world.random,
      tracksHandlers,
      ...(this.#options.codec === undefined ? {} : { codec: this.#options.codec }),
    });
    this.#isSubscribed = plans.length === 0;
  }

  /** Starts intake, as soon as the broker is connected. Returns as `open` does. */
  async subscribe(): Promise<void> {
    this.#mayConsume = true;
    if (!this.#isSubscribed) await this.#start();
  }

  /** Stops intake and lets handlers finish. Resolves with the number of messages left unsettled. A second call has no further effect. */
  async drain(timeoutMs: number): Promise<number> {
    this.#abort.abort();
    this.#callOffRetry?.();
    return (await this.#consumer?.drain(timeoutMs)) ?? 0;
  }

  /** Flushes the publisher, for at most `timeoutMs`, and closes the connection. A second call has no further effect. */
  close(timeoutMs: number): Promise<void> {
    this.#closed ??= this.#close(timeoutMs);
    return this.#closed;
  }

  async #close(timeoutMs: number): Promise<void> {
    const { clock } = this.#host;
    const startedAt = clock.monotonicMs();
    await this.drain(timeoutMs);
    try {
      await this.publisher.close(timeoutMs);
    } finally {
      const leftMs = timeoutMs - (clock.monotonicMs() - startedAt);
      await this.#within(Math.max(LAST_CLOSE_MS, leftMs), this.connection.close());
      this.#isConnected = false;
    }
  }

  /** Limits the wait: a stopped broker does not answer, so its driver finishes closing in the background. */
  async #within(limitMs: number, work: Promise<void>): Promise<void> {
    let callOff = (): void => undefined;
    const limit = new Promise<void>((resolve) => (callOff = this.#host.clock.schedule(limitMs, resolve)));
    await Promise.race([work, limit]).finally(callOff);
  }

  #watch(): void {
    const { notices, broker } = this.#host;
    notices.on('broker:unreachable', (notice) => (this.#isAway ||= notice.broker === broker));
    notices.on('broker:connected', (notice) => (this.#isAway &&= notice.broker !== broker));
  }

  #start(): Promise<void> {
    const work = this.#bringUp();
    return this.#options.connect === 'fail' ? work : this.#untilKnown(work);
  }

  async #bringUp(): Promise<void> {
    this.#connecting ??= this.#connect();
    await this.#connecting;
    if (this.#isSubscribed || !this.#mayConsume) return;
    // Two callers can be here at once: the open that waited for the broker, and subscribe.
    this.#subscribing ??= this.#subscribe();
    await this.#subscribing;
  }

  async #subscribe(): Promise<void> {
    try {
      await this.#consumer?.start();
    } catch (error) {
      this.#subscribing = undefined;
      throw error;
    }
    this.#isSubscribed = true;
    this.#problem = undefined;
  }

  async #connect(): Promise<void> {
    try {
      await (this.#options.connect === 'fail'
        ? this.connection.connectOnce()
        : this.connection.connect(this.#abort.signal));
    } catch (error) {
      this.#connecting = undefined;
      throw error;
    }
    this.#isConnected = true;
    this.#problem = undefined;
  }

  /** A failure while the caller waits is rejected to it. A later failure is reported as a notice and retried. */
  async #untilKnown(work: Promise<void>): Promise<void> {
    let someoneWaits = true;
    work.catch((error: unknown) => {
      if ((!someoneWaits || isUnreachable(error)) && !this.#abort.signal.aborted) this.#tryAgainLater(error);
    });
    try {
      if (!this.#isAway) await untilKnown(work, this.name, this.#host.notices, this.#host.clock);
    } catch (error) {
      // A broker that answers only partly is treated like an unreachable one.
      if (!isUnreachable(error)) throw error;
    } finally {
      someoneWaits = false;
    }
  }

  #tryAgainLater(error: unknown): void {
    if (this.#callOffRetry !== undefined) return;
    const waitMs = isUnreachable(error) ? REACH_AGAIN_MS : ANOTHER_TRY_MS;
    const isNews = this.#problem !== messageOf(error);
    this.#problem = messageOf(error);
    if (isNews || waitMs === ANOTHER_TRY_MS) this.#reportFailure(asTransportError(error), waitMs);
    this.#callOffRetry = this.#host.clock.schedule(waitMs, () => {
      this.#callOffRetry = undefined;
      this.#bringUp().catch((again: unknown) => {
        if (!this.#abort.signal.aborted) this.#tryAgainLater(again);
      });
    });
  }

  #reportFailure(error: TransportError, restartInMs: number): void {
    const { notices, broker } = this.#host;
    if (!this.#isConnected) return notices.emit('broker:unreachable', { broker, error });
    for (const { topic, group } of this.subscriptions) {
      notices.emit('subscription:crashed', { broker, topic, group, error, restartInMs });
    }
  }
}

/** The part that applications may use. It cannot close the connection or publish outside the library. */
class Handle extends BrokerHandle {
  readonly #runtime: BrokerRuntime;

  constructor(runtime: BrokerRuntime) {
    super();
    this.#runtime = runtime;
  }

  get name(): string {
    return this.#runtime.name;
  }

  get driver(): string {
    return this.#runtime.driver;
  }

  get capabilities(): Capabilities {
    return this.#runtime.capabilities;
  }

  get deadLetters(): DeadLetterAdmin {
    return this.#runtime.deadLetters;
  }

  health(): BrokerHealth {
    return this.#runtime.health();
  }

  subscription(topic: string, group?: string): SubscriptionControl {
    return this.#runtime.control(topic, group);
  }
}

const isUnreachable = (error: unknown): boolean =>
  isTransportError(error, 'TRANSPORT_BROKER_UNREACHABLE') && error.retryable;

function asTransportError(error: unknown): TransportError {
  if (isTransportError(error)) return error;
  return new TransportError('TRANSPORT_BROKER_UNREACHABLE', messageOf(error), { cause: error, retryable: true });
}
