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

/** Which messages are handled once more. */
export interface ReplayWindow {
  /** Stored then or after it; or the first message by its offset: of partitions, those that are named are replayed. */
  readonly from: Date | StartOffset;
  /** Stored before it. @default now */
  readonly until?: Date;
}

/** What a replay of a window did. */
export interface ReplayReport {
  /** Messages of the window that were given to the handler; one that was given twice counts twice. */
  readonly messages: number;
}

/** What a replay needs of the subscription that it repeats. */
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
 * Hands the messages of a time window to the handlers of a subscription, as a group of its own that ends with the replay: the
 * position of the live group is not touched. Retries and dead letters are those of the subscription; the replay waits for them,
 * those of `redeliveryDelaysMs` included.
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
    // n.b. the handlers keep their policies, but the end of a replay is not the end of what they keep back for the live group.
    // What fails waits in this process: a replay that gave it back would look done, and leave the group before it comes again.
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

  /** @throws TransportError `TRANSPORT_CLOSED` when it was ended before it was done; `TRANSPORT_READING_INCOMPLETE` */
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
    const text = `The ${this.#where} was cut short by the end of the application, after ${messages} messages. Start it again: all of the window is then handled once more.`;
    throw new TransportError('TRANSPORT_CLOSED', text);
  }

  /** Takes nothing more. Resolves when no handler runs. */
  async end(): Promise<void> {
    this.#ending.abort();
    await this.#stop();
  }

  /** Leaves the handlers that still run behind. */
  async close(): Promise<void> {
    await this.#consumption?.close();
  }

  /** n.b. side by side: intake may wait for room, and there is none before the runner drains. */
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

/** Lets the messages of a window through and settles the others. */
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

  /** Resolves when everything has come, and is settled. */
  untilRead(consumption: Consumption): Promise<void> {
    return this.#end.until(consumption, () => this.#runner.inFlight === 0);
  }

  /** n.b. a message without a time cannot be outside: the broker was asked for those since `from`. */
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
