import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import {
  Notices,
  type Broker,
  type BrokerConnection,
  type BrokerHost,
  type Codec,
  type Delivery,
  type Headers,
  type NoticeMap,
  type NoticeName,
  type OutgoingMessage,
  type PublishReceipt,
} from '../../contract/index.js';
import { systemClock } from '../../shared/index.js';
import {
  Consumer,
  DeadLetterAdmin,
  type BatchHandler,
  type ConsumingOptions,
  type Handler,
  type Route,
  type SubscriptionPlan,
} from '../../consuming/index.js';
import {
  createPublisher,
  OrderedConnection,
  type ClosablePublisher,
  type PublishOptions,
  type PublishingOptions,
} from '../../publishing/index.js';
import type { History } from '../history/history.js';
import { onEveryNotice, type HeardNotice } from './all-notices.js';
import type { Watch } from './watch.js';

/** One subscription of an application; what is left out is the stage's own topic and group, and a handler that returns. */
export interface SubscriptionSpec extends ConsumingOptions {
  readonly topic?: string;
  readonly group?: string;
  readonly handle?: Handler;
  /** Takes batches, as `batch` says; instead of `handle`. */
  readonly handleBatch?: BatchHandler;
  /** Several handlers on one subscription, told apart by type; instead of `handle`. */
  readonly routes?: readonly Route[];
}

export interface ApplicationSpec {
  readonly subscriptions?: readonly SubscriptionSpec[];
  /** Topics it publishes to, made sure of before it starts. @default the stage's topic */
  readonly publishesTo?: readonly string[];
  /**
   * Groups that are there before it publishes, on a broker where a group starts with its creation (`startFromBeginning`
   * is unsupported): messages published earlier would reach no group. @default the stage's group
   */
  readonly groups?: readonly string[];
  readonly publishing?: PublishingOptions;
  readonly codec?: Codec;
}

/** A message as its handler saw it, recorded when the handler started. */
export interface Received {
  readonly payload: unknown;
  readonly delivery: Delivery;
  readonly id: string;
  readonly key: string | undefined;
  readonly headers: Headers;
  readonly attempt: number;
  readonly partition: number | undefined;
  readonly topic: string;
  readonly group: string;
  readonly type: string;
  /** Milliseconds that never jump. */
  readonly at: number;
}

interface Surroundings {
  readonly broker: Broker;
  readonly history: History;
  readonly watch: Watch;
  readonly topic: string;
  readonly group: string;
}

/** A service as the suite sees it: one connection, a publisher and a consumer, the same parts that Nest would wire. */
export class Application {
  /** Messages in the order their handlers started. */
  readonly received: Received[] = [];
  readonly heard: HeardNotice[] = [];
  readonly connection: BrokerConnection;
  readonly publisher: ClosablePublisher;
  readonly consumer: Consumer;
  readonly deadLetters: DeadLetterAdmin;
  /** Handlers that have started and not ended. */
  running = 0;
  readonly #abort = new AbortController();
  #closing: Promise<void> | undefined;
  readonly #settled = new Set<string>();
  readonly #around: Surroundings;
  readonly #spec: ApplicationSpec;

  constructor(spec: ApplicationSpec, around: Surroundings) {
    this.#spec = spec;
    this.#around = around;
    const host: BrokerHost = {
      service: around.group,
      broker: 'default',
      notices: new Notices(),
      clock: systemClock,
    };
    onEveryNotice(host.notices, (heard) => {
      this.heard.push(heard);
      around.watch.changed();
    });
    around.history.recordNotices(host.notices);
    for (const name of ['message:acked', 'message:dropped', 'message:dead-lettered'] as const) {
      host.notices.on(name, ({ topic, group, id }) => void this.#settled.add(`${group} ${topic} ${id}`));
    }
    const plans = (spec.subscriptions ?? []).map((subscription) => this.#plan(subscription));
    const settings = spec.codec === undefined ? {} : { codec: spec.codec };
    this.connection = new OrderedConnection(around.broker.open(host), host);
    this.publisher = createPublisher(around.broker, this.connection, host, spec.publishing ?? {}, spec.codec);
    this.deadLetters = new DeadLetterAdmin(this.connection, host);
    this.consumer = new Consumer(around.broker, this.connection, host, plans, settings);
  }

  /** Connects, makes sure of its topics and starts, in the order an application does. */
  async start(): Promise<void> {
    await this.connection.connect(this.#abort.signal);
    await this.connection.ensureTopics(this.#spec.publishesTo ?? [this.#around.topic], 'publish');
    this.publisher.start();
    await this.consumer.start();
  }

  /** Publishes and writes it into the history. */
  publish(topic: string, payload: unknown, options: PublishOptions = {}): Promise<PublishReceipt> {
    return this.#around.history.recordPublisher(this.publisher).publish(topic, payload, options);
  }

  /** Publishes `{ n: 0 }`, `{ n: 1 }`, ... without waiting in between; `key` names the key of the n-th. */
  async publishNumbers(count: number, key?: (n: number) => string, topic = this.#around.topic): Promise<string[]> {
    const publishes = Array.from({ length: count }, (_, n) =>
      this.publish(topic, { n }, key === undefined ? {} : { key: key(n) }),
    );
    return (await Promise.all(publishes)).map(({ id }) => id);
  }

  /** Sends bytes past publisher and codec, as a foreign program would. */
  async sendRaw(message: Partial<OutgoingMessage>): Promise<string> {
    const id = message.id ?? randomUUID();
    const whole = { topic: this.#around.topic, key: undefined, body: null, headers: undefined, partition: undefined };
    const [result] = await this.connection.producer.send([{ ...whole, ...message, id }]);
    if (result instanceof Error) throw result;
    assert.ok(result, 'Producer.send gave no result for the message');
    return id;
  }

  /** What was heard under one name, oldest first. */
  noticesOf<Name extends NoticeName>(name: Name): NoticeMap[Name][] {
    return this.heard.filter((heard) => heard.name === name).map(({ notice }) => notice as NoticeMap[Name]);
  }

  /** Messages that came to their end here; one that came twice counts once. */
  get settled(): number {
    return this.#settled.size;
  }

  /** Waits until so many messages came to their end here. */
  untilSettled(count: number): Promise<void> {
    return this.#around.watch.until(`${count} messages are settled`, () => this.settled >= count);
  }

  untilReceived(count: number): Promise<void> {
    return this.#around.watch.until(`${count} handlers have begun`, () => this.received.length >= count);
  }

  /** The numbers of `publishNumbers`, in the order their handlers started. */
  get numbers(): number[] {
    return this.received.map(({ payload }) => (payload as { n: number }).n);
  }

  /** Drains, flushes, disconnects: consumers first, producers last. A second call has no further effect. */
  close(drainTimeoutMs = 5_000): Promise<void> {
    return (this.#closing ??= this.#close(drainTimeoutMs));
  }

  async #close(drainTimeoutMs: number): Promise<void> {
    this.#abort.abort();
    try {
      await this.consumer.drain(drainTimeoutMs);
      await this.publisher.close(drainTimeoutMs);
    } finally {
      await this.connection.close();
    }
  }

  #plan({
    topic,
    group,
    handle = () => undefined,
    handleBatch,
    routes,
    ...options
  }: SubscriptionSpec): SubscriptionPlan {
    const all = routes ?? [{ type: undefined, schema: undefined, handle }];
    return {
      topic: topic ?? this.#around.topic,
      group: group ?? this.#around.group,
      where: 'the conformance suite',
      options,
      routes: all.map((route) => ({
        ...route,
        handle: handleBatch === undefined ? this.#noted(route.handle) : this.#notedBatch(handleBatch),
      })),
    };
  }

  /** A batch handler takes arrays, the others one message; the consumer decides by `batch`. */
  #notedBatch(handle: BatchHandler): Handler {
    const noted: BatchHandler = (payloads, deliveries) => {
      deliveries.forEach((delivery, index) => this.#note(payloads[index], delivery));
      return handle(payloads, deliveries);
    };
    return noted as unknown as Handler;
  }

  #note(payload: unknown, delivery: Delivery): void {
    const { id, key, headers, attempt, partition, topic, group, type } = delivery;
    const at = performance.now();
    this.received.push({ payload, delivery, id, key, headers, attempt, partition, topic, group, type, at });
  }

  #noted(handle: Handler): Handler {
    const recorded = this.#around.history.recordHandler(handle);
    return async (payload, delivery) => {
      this.#note(payload, delivery);
      this.running++;
      this.#around.watch.changed();
      try {
        return await recorded(payload, delivery);
      } finally {
        this.running--;
        this.#around.watch.changed();
      }
    };
  }
}
