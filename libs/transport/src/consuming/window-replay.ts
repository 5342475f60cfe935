import { randomBytes } from 'node:crypto';
import {
  ACK,
  checkOptions,
  isStartOffset,
  offsetIn,
  requireCapabilities,
  startPlaceRule,
  TransportError,
  type Broker,
  type BrokerConnection,
  type BrokerHost,
  type Clock,
  type Delivery,
  type DeliverySink,
  type OptionRule,
  type StartOffset,
  type Subscription,
} from '../contract/index.js';
import type { RunnerPlan, RunnerTools } from './runner-plan.js';
import { SubscriptionRunner } from './runner.js';
import { checkStartOffset } from './start-offset.js';

/** Which messages are handled once more. */
export interface ReplayWindow {
  /** Stored then or after it; or the first message by its offset: of partitions, those that are named are replayed. */
  readonly from: Date | StartOffset;
  /** Stored before it. @default now */
  readonly until?: Date;
}

/** What a replay of a window did. */
export interface ReplayReport {
  /** Messages of the window that were given to the handler. */
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

/** How long nothing may come before the window has been read. */
const QUIET_MS = 1_000;

const moment: OptionRule = {
  expected: 'a valid Date',
  accepts: (value) => value instanceof Date && !Number.isNaN(value.getTime()),
  showsValue: true,
};
const WINDOW_RULES = { from: startPlaceRule, until: moment } as const satisfies Record<keyof ReplayWindow, unknown>;

/**
 * Hands the messages of a time window to the handlers of a subscription, as a group of its own that ends with the replay: the
 * position of the live group is not touched. Retries and dead letters are those of the subscription; the replay waits for them,
 * those of `redeliver` included.
 * @throws TransportError `TRANSPORT_CAPABILITY_ABSENT`, `TRANSPORT_OPTION_INVALID`
 */
export async function replayWindow(replayable: Replayable, window: ReplayWindow): Promise<ReplayReport> {
  const { broker, connection, host, plan, tools } = replayable;
  const where = `replay of topic "${plan.topic}" for group "${plan.group}"`;
  checkOptions(where, window, WINDOW_RULES);
  if (window.from === undefined) throw new TransportError('TRANSPORT_OPTION_INVALID', `${where}: from is missing.`);
  requireCapabilities(
    broker,
    [isStartOffset(window.from) ? 'startFromOffset' : 'startFromTime', 'everyInstance'],
    where,
  );
  checkStartOffset(where, broker, plan.topic, window.from);
  const group = `${plan.group}.replay.${randomBytes(4).toString('hex')}`;
  // n.b. the handlers keep their policies, but the end of a replay is not the end of what they keep back for the live group.
  // What fails waits in this process: a replay that gave it back would look done, and leave the group before it comes again.
  const runner = new SubscriptionRunner(
    { ...plan, group, holds: undefined, nativeRedelivery: false, retryTopics: undefined },
    tools,
  );
  const sink = new WindowSink(runner, window.from, window.until ?? new Date(host.clock.now()), host.clock);
  const subscription = {
    ...replayable.subscription,
    group,
    delivery: 'every-instance',
    startFrom: window.from,
  } as const;
  const consumption = await connection.consume([{ subscription, sink }]);
  try {
    await sink.untilQuiet();
    await consumption.stop();
    await runner.drain();
  } finally {
    await consumption.close();
  }
  return { messages: sink.messages };
}

/** Lets the messages of a window through and settles the others. */
class WindowSink implements DeliverySink {
  readonly #runner: SubscriptionRunner;
  readonly #from: Date | StartOffset;
  readonly #until: number;
  readonly #clock: Clock;
  #heardAt: number;
  messages = 0;

  constructor(runner: SubscriptionRunner, from: Date | StartOffset, until: Date, clock: Clock) {
    this.#runner = runner;
    this.#from = from;
    this.#until = until.getTime();
    this.#clock = clock;
    this.#heardAt = clock.monotonicMs();
  }

  receive(deliveries: readonly Delivery[]): void | Promise<void> {
    this.#heardAt = this.#clock.monotonicMs();
    const inside = deliveries.filter((delivery) => this.#isInside(delivery));
    for (const delivery of deliveries) if (!this.#isInside(delivery)) delivery.settle(ACK);
    this.messages += inside.length;
    return this.#runner.receive(inside);
  }

  revoked(): void {
    this.#runner.revoked();
  }

  /** Resolves when everything that came is settled, and nothing has come for a while. */
  untilQuiet(): Promise<void> {
    return new Promise((resolve) => {
      const look = (): void => {
        const quietForMs = this.#clock.monotonicMs() - this.#heardAt;
        if (quietForMs >= QUIET_MS && this.#runner.inFlight === 0) return resolve();
        this.#clock.schedule(Math.max(QUIET_MS - quietForMs, QUIET_MS / 10), look);
      };
      look();
    });
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
