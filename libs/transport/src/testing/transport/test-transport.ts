import type { INestApplication, INestMicroservice, InjectionToken, LoggerService } from '@nestjs/common';
import type { TestingModuleBuilder } from '@nestjs/testing';
import { type Broker, type EventDefinition } from '../../contract/index.js';
import { checkOptions, option } from '../../shared/index.js';
import type { PublishOptions, Publisher } from '../../publishing/index.js';
import { anySeed } from '../dice.js';
import type { RandomFaultsOptions } from '../faults/random-faults-options.js';
import type { History } from '../history/history.js';
import type { ManualClock } from '../manual-clock.js';
import type { MessageRecord } from './message-record.js';
import type { TestApplication } from './test-application.js';
import { Settling } from './settling.js';
import { Story } from './story.js';
import { isOpen } from './story-text.js';
import { TestWorld } from './test-world.js';

/** The options of `TestTransport.start`. */
export interface TestTransportOptions {
  /** Whether the application has HTTP, as `createTransportApp` has it. @default true */
  readonly http?: boolean;
  /** Runs before the application starts: for global pipes, guards, filters. */
  readonly prepare?: (app: TestApplication) => void;
  /** The seed of retry jitter and faults. @default 1, or random with faults */
  readonly seed?: number;
  /** Faults of its brokers; see `randomFaults`. @default none */
  readonly faults?: Omit<RandomFaultsOptions, 'seed'>;
  /** Another test transport whose brokers, clock and trace this one shares, to test several services together. @default none */
  readonly sharedWith?: TestTransport;
  /** Returns the broker that replaces the one of this name. It must use the given clock. @default memory() */
  readonly createBroker?: (name: string) => Broker;
  /** How long `settle` and `publishAndSettle` wait, in real milliseconds. Integer >= 1. @default 4000 */
  readonly timeoutMs?: number;
  /** Receives the transport's log lines; the trace contains the same events. @default false */
  readonly logger?: LoggerService | false;
}

/** Options of `TestTransport.publish` and `publishAndSettle`. */
export interface TestPublishOptions extends PublishOptions {
  /** The name of the broker. @default the default broker */
  readonly broker?: string;
}

type PublisherOf = (app: TestApplication, broker: string | undefined) => Publisher;

const DEFAULTS = { http: true, timeoutMs: 4_000, logger: false } as const satisfies TestTransportOptions;

const RULES = {
  http: option.flag,
  prepare: option.fn,
  seed: option.integer(0),
  faults: option.record,
  sharedWith: option.any,
  createBroker: option.fn,
  timeoutMs: option.integer(1),
  logger: option.any,
} as const satisfies Record<keyof TestTransportOptions, unknown>;

/**
 * Runs an application in a test: the real module with its handlers, guards, pipes and filters, on memory brokers and with a
 * virtual clock. Retries that take minutes finish at once.
 *
 * ```ts
 * const transport = await TestTransport.start(Test.createTestingModule({ imports: [AppModule] }));
 * const story = await transport.publishAndSettle(OrderCreated, order);
 * story.assertAcked(OrderCreated);
 * story.assertPublished(StockReserved, { orderId: order.orderId });
 * await transport.close();
 * ```
 * The memory brokers have the capabilities and limits of the brokers that they replace. Nothing is global: each start is isolated.
 */
export class TestTransport<App extends TestApplication = INestApplication> {
  /** The trace of everything since the start, or the last `forget`. */
  readonly story: Story;
  readonly app: App;
  readonly #world: TestWorld;
  readonly #settling: Settling;
  readonly #publisherOf: PublisherOf;
  readonly #timeoutMs: number;
  #closed: Promise<void> | undefined;

  private constructor(app: App, world: TestWorld, publisherOf: PublisherOf, timeoutMs: number) {
    this.app = app;
    this.#world = world;
    this.#publisherOf = publisherOf;
    this.#settling = new Settling(world);
    this.#timeoutMs = timeoutMs;
    this.story = new Story(world, () => world.records);
    worlds.set(this, world);
  }

  /**
   * Compiles the module, replaces its brokers and starts the application.
   * @throws the same errors as a start in production
   */
  static start(
    module: TestingModuleBuilder,
    options: TestTransportOptions & { readonly http: false },
  ): Promise<TestTransport<INestMicroservice>>;
  static start(module: TestingModuleBuilder, options?: TestTransportOptions): Promise<TestTransport>;
  static async start(
    module: TestingModuleBuilder,
    options: TestTransportOptions = {},
  ): Promise<TestTransport<TestApplication>> {
    checkOptions('TestTransport.start', options, RULES);
    const world = options.sharedWith === undefined ? newWorld(options) : options.sharedWith.#world;
    const nest = await import('./nest-application.js');
    nest.replaceBrokers(module, world, options);
    const app = nest.createApplication(await module.compile(), options.http ?? DEFAULTS.http);
    options.prepare?.(app);
    const transport = new TestTransport(app, world, nest.publisherOf, options.timeoutMs ?? DEFAULTS.timeoutMs);
    await transport.#start();
    return transport;
  }

  /** The virtual clock of the application. Only the test and the waits of this class move it. */
  get clock(): ManualClock {
    return this.#world.clock;
  }

  /** The seed of this test; the same seed repeats jitter and faults. */
  get seed(): number {
    return this.#world.seed;
  }

  /** Everything that was published, handled and settled, for the checks of `History`. */
  get history(): History {
    return this.#world.history;
  }

  /** Returns a provider of the application. */
  get<T>(token: InjectionToken<T>): T {
    return this.app.get<T>(token, { strict: false });
  }

  /**
   * Publishes, and resolves when the message and everything it caused (messages that its handlers published, retries, dead
   * letters, and what those caused) is at its end. The clock moves as far as that takes.
   * @returns its trace
   * @throws TransportError as `publish`; Error with the trace so far if it takes longer than `timeoutMs`
   */
  publishAndSettle<In, Out>(event: EventDefinition<In, Out>, payload: In, options?: TestPublishOptions): Promise<Story>;
  publishAndSettle(topic: string, payload: unknown, options?: TestPublishOptions): Promise<Story>;
  async publishAndSettle(
    event: EventDefinition | string,
    payload: unknown,
    options: TestPublishOptions = {},
  ): Promise<Story> {
    const seen = this.#world.records.length;
    const record = await this.#publish(event, payload, options);
    const awaited = (): MessageRecord[] => [...familyOf(record), ...this.#strays(seen).flatMap(familyOf)];
    await this.#settling.until(() => awaited().filter((each) => isOpen(each, this.#world)), this.#timeoutMs);
    return new Story(this.#world, () => familyOf(record));
  }

  /** Publishes a message as the test, and resolves when it is stored, as `Publisher.publish`. */
  publish<In, Out>(event: EventDefinition<In, Out>, payload: In, options?: TestPublishOptions): Promise<void>;
  publish(topic: string, payload: unknown, options?: TestPublishOptions): Promise<void>;
  async publish(event: EventDefinition | string, payload: unknown, options: TestPublishOptions = {}): Promise<void> {
    await this.#publish(event, payload, options);
  }

  /**
   * Resolves when every message is at its end, whoever published it. The clock moves as far as that takes.
   * @returns everything that happened
   * @throws Error with the trace of unsettled messages if it takes longer than `timeoutMs`
   */
  async settle(): Promise<Story> {
    await this.#settling.until(
      () => this.#world.records.filter((record) => isOpen(record, this.#world)),
      this.#timeoutMs,
    );
    return this.story;
  }

  /** Advances the clock step by step, and runs due retries and timers. */
  async advance(byMs: number): Promise<void> {
    await this.#settling.advance(byMs, this.#timeoutMs);
  }

  /** Clears the trace, for the next test on the same application. @throws Error if a message is not settled yet */
  forget(): void {
    const open = this.#world.records.filter((record) => isOpen(record, this.#world));
    if (open.length > 0) throw this.#settling.unsettled(open, 'yet');
    this.#world.forget();
  }

  /**
   * Closes the application with a graceful shutdown. A second call has no further effect.
   * @throws Error if handlers do not end within `timeoutMs`; everything is closed then, too
   */
  close(): Promise<void> {
    this.#closed ??= this.#close();
    return this.#closed;
  }

  #publish(event: EventDefinition | string, payload: unknown, options: TestPublishOptions): Promise<MessageRecord> {
    const { broker, ...rest } = options;
    const publisher = this.#publisherOf(this.app, broker);
    // Why a cast: one body serves both overloads.
    return this.#world.asTest(() => publisher.publish(event as string, payload, rest));
  }

  async #start(): Promise<void> {
    try {
      if ('connectMicroservice' in this.app) await this.app.init();
      else await this.app.listen();
    } catch (error) {
      await this.app.close().catch(() => undefined);
      throw error;
    }
  }

  /** The drain timeout runs on the virtual clock, so it is reached when the real timeout is over. */
  async #close(): Promise<void> {
    const closed = this.app.close();
    const left = await this.#settling.whileClosing(closed, this.#timeoutMs);
    await closed;
    if (left !== undefined) throw left;
  }

  /** What the application published since, nobody knows why: it may belong to what a test waits for. */
  #strays(since: number): MessageRecord[] {
    return this.#world.records.slice(since).filter(({ isRoot, causes }) => !isRoot && causes.length === 0);
  }
}

const worlds = new WeakMap<object, TestWorld>();

/** For fault tests, which judge what happened in it. */
export const worldOf = (transport: TestTransport<TestApplication>): TestWorld => worlds.get(transport) as TestWorld;

function newWorld({ seed, faults }: TestTransportOptions): TestWorld {
  return new TestWorld(seed ?? (faults === undefined ? 1 : anySeed()), faults !== undefined);
}

/** A message and all that it caused, each once. */
function familyOf(record: MessageRecord): MessageRecord[] {
  const family = new Set([record]);
  for (const each of family) for (const caused of each.caused) family.add(caused);
  return [...family];
}
