import { randomBytes } from 'node:crypto';
import {
  ACK,
  isStartOffset,
  offsetIn,
  requireCapabilities,
  TransportError,
  type Broker,
  type BrokerConnection,
  type BrokerHost,
  type Consumption,
  type Delivery,
  type DeliverySink,
  type StartOffset,
  type Subscription,
} from '../../contract/index.js';
import { checkOptions, startPlaceRule, type OptionRule } from '../../shared/index.js';
import { ReadingEnd } from './reading-end.js';
import type { RunnerPlan, RunnerTools } from '../runner/runner-plan.js';
import { SubscriptionRunner } from '../runner/runner.js';
import { checkStartOffset } from '../subscription/start-offset.js';

/** Selects the messages of a replay. */
export interface ReplayWindow {
  /** The first message: stored at or after a time, or at an offset. With partitions, only those listed are replayed. */
  readonly from: Date | StartOffset;
  /** Only messages stored before this time. @default now */
  readonly until?: Date;
}

/** The result of a replay. */
export interface ReplayReport {
  /** Number of messages passed to the handler; one that was delivered twice counts twice. */
  readonly messages: number;
}

/** What a replay needs of its subscription. */
export interface Replayable {
  readonly broker: Broker;
  readonly connection: BrokerConnection;
  readonly host: BrokerHost;
  readonly plan: RunnerPlan;
  readonly tools: RunnerTools;
  readonly subscription: Subscription;
}

const moment: OptionRule = {
  expected: 'a valid Date',
  accepts: (value) => value instanceof Date && !Number.isNaN(value.getTime()),
  showsValue: true,
};
const WINDOW_RULES = { from: startPlaceRule, until: moment } as const satisfies Record<keyof ReplayWindow, unknown>;

/**
 * Replays the messages of a time window to the handlers of a subscription, in a group of its own that ends with the
 * replay. The position of the live group does not change. Retries and dead letters work as in the subscription; the
 * replay waits for them, including those of `redeliveryDelaysMs`.
 */
export class WindowReplay {
  readonly #replayable: Replayable;
  readonly #where: string;
  readonly #ending = new AbortController();
  readonly #runner: SubscriptionRunner;
  readonly #subscription: Subscription;
  readonly #sink: WindowSink;
  #consumption: Consumption | undefined;

  /** @throws TransportError `TRANSPORT_CAPABILITY_UNSUPPORTED`, `TRANSPORT_OPTION_INVALID` */
  constructor(replayable: Replayable, window: ReplayWindow) {
    const { connection, host, plan, tools } = replayable;
    this.#replayable = replayable;
    this.#where = `replay of topic "${plan.topic}" for group "${plan.group}"`;
    checkWindow(this.#where, replayable, window);
    const group = `${plan.group}.replay.${randomBytes(4).toString('hex')}`;
    // The handlers keep their policies, but the end of a replay must not end what these hold for the live group.
    // Failed messages wait in this process: a replay that returned them to the broker would look done and leave the
    // group too early.
    const own = { group, holds: undefined, calls: undefined, nativeRedelivery: false, retryTopics: undefined };
    this.#runner = new SubscriptionRunner({ ...plan, ...own }, tools);
    const until = window.until ?? new Date(host.clock.now());
    const settings = {
      connection,
      clock: host.clock,
      ending: this.#ending.signal,
      what: this.#where,
      topic: plan.topic,
    };
    this.#sink = new WindowSink(this.#runner, window.from, until, new ReadingEnd(settings));
    this.#subscription = { ...replayable.subscription, group, delivery: 'every-instance', startFrom: window.from };
  }

  /** @throws TransportError `TRANSPORT_CLOSED` if it was ended before it was done; `TRANSPORT_READING_INCOMPLETE` */
  async run(): Promise<ReplayReport> {
    const { connection } = this.#replayable;
    const consumption = await connection.consume([{ subscription: this.#subscription, sink: this.#sink }]);
    this.#consumption = consumption;
    try {
      await this.#sink.untilRead(consumption).finally(() => this.#stop());
    } finally {
      await consumption.close();
    }
    const { messages } = this.#sink;
    if (!this.#ending.signal.aborted) return { messages };
    const text = `The ${this.#where} was stopped by the shutdown of the application after ${messages} messages. Start it again: it replays the complete window.`;
    throw new TransportError('TRANSPORT_CLOSED', text);
  }

  /** Stops fetching. Resolves when no handler runs. */
  async end(): Promise<void> {
    this.#ending.abort();
    await this.#stop();
  }

  /** Closes without waiting for running handlers. */
  async close(): Promise<void> {
    await this.#consumption?.close();
  }

  /** Concurrently, because intake may wait for room, and there is none before the runner drains. */
  async #stop(): Promise<void> {
    await Promise.all([this.#consumption?.stop(), this.#runner.drain()]);
  }
}

function checkWindow(where: string, { broker, plan }: Replayable, window: ReplayWindow): void {
  checkOptions(where, window, WINDOW_RULES);
  if (window.from === undefined) throw new TransportError('TRANSPORT_OPTION_INVALID', `${where}: from is missing.`);
  const start = isStartOffset(window.from) ? 'startFromOffset' : 'startFromTime';
  requireCapabilities(broker, [start, 'everyInstance'], where);
  checkStartOffset(where, broker, plan.topic, window.from);
}

/** Passes on the messages of a window and settles the others. */
class WindowSink implements DeliverySink {
  readonly #runner: SubscriptionRunner;
  readonly #from: Date | StartOffset;
  readonly #until: number;
  readonly #end: ReadingEnd;
  messages = 0;

  constructor(runner: SubscriptionRunner, from: Date | StartOffset, until: Date, end: ReadingEnd) {
    this.#runner = runner;
    this.#from = from;
    this.#until = until.getTime();
    this.#end = end;
  }

  receive(deliveries: readonly Delivery[]): void | Promise<void> {
    this.#end.heard();
    const inside = deliveries.filter((delivery) => this.#isInside(delivery));
    for (const delivery of deliveries) if (!this.#isInside(delivery)) delivery.settle(ACK);
    this.messages += inside.length;
    return this.#runner.receive(inside);
  }

  revoked(): void {
    this.#runner.revoked();
  }

  /** Resolves when everything has arrived and is settled. */
  untilRead(consumption: Consumption): Promise<void> {
    return this.#end.until(consumption, () => this.#runner.inFlight === 0);
  }

  /** A message without a timestamp counts as inside: the broker was asked for messages from `from` on. */
  #isInside(delivery: Delivery): boolean {
    const at = delivery.publishedAt?.getTime();
    return (at === undefined || at < this.#until) && this.#isAfterStart(delivery);
  }

  #isAfterStart({ publishedAt, partition, offset }: Delivery): boolean {
    if (!isStartOffset(this.#from)) return publishedAt === undefined || publishedAt >= this.#from;
    const asked = offsetIn(this.#from, partition);
    return asked !== undefined && Number(offset) >= asked;
  }
}
