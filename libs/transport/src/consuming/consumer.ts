import { randomBytes } from 'node:crypto';
import {
  TransportError,
  type Broker,
  type BrokerConnection,
  type BrokerHost,
  type Codec,
  type Consumption,
  type Guarantee,
  type GuaranteeLevel,
  type Subscription,
} from '../contract/index.js';
import { jsonCodec, ensureEach } from '../shared/index.js';
import type { ResolvedConsumingOptions } from './consuming-options.js';
import { Guarantees } from './guarantee/guarantees.js';
import { DeadLetters } from './dead-letter/dead-letter.js';
import type { SubscriptionPlan } from './subscription/subscription-plan.js';
import type { ConsumerSettings } from './subscription/consumer-settings.js';
import { SettlementFailures } from './runner/settlement-failures.js';
import { StarvationWatch, type WatchedSubscription } from './subscription/starvation-watch.js';
import type { SubscriptionControl } from './subscription/subscription-control.js';
import { WindowReplay, type Replayable, type ReplayReport, type ReplayWindow } from './replay/window-replay.js';
import { refuseReadTwice } from './retry-topics/retry-sinks.js';
import type { RunnerPlan, RunnerTools } from './runner/runner-plan.js';
import { SuspectGate } from './runner/suspect-gate.js';
import {
  prepareSubscription,
  type PreparationPort,
  type PreparedSubscription,
} from './subscription/prepare-subscription.js';

/** Consumptions get at least this long to flush settlements, even if the handlers used up the drain timeout. */
const LAST_CLOSE_MS = 2_000;

/** A subscription before it starts, with every default filled in. */
export interface SubscriptionSummary extends Omit<ResolvedConsumingOptions, 'guarantee'> {
  readonly topic: string;
  /** For `'every-instance'`, this instance's own group. */
  readonly group: string;
  /** The group as declared. */
  readonly declaredGroup: string;
  /** The location in the user's code. */
  readonly where: string;
  readonly wantedGuarantee: GuaranteeLevel | undefined;
  readonly guarantee: Guarantee;
  readonly warnings: readonly string[];
  /** undefined: failed messages are discarded. */
  readonly resolvedDeadLetterTopic: string | undefined;
  /**
   * Topics where messages wait between tiers, in order; empty if the broker keeps them itself, or there are no tiers.
   */
  readonly retryTopics: readonly string[];
}

/** Runs all subscriptions of one application on one broker: their runners, intake and drain. */
export class Consumer {
  readonly #connection: BrokerConnection;
  readonly #host: BrokerHost;
  readonly #running: readonly PreparedSubscription[];
  readonly #codecs: readonly Codec[];
  /** The guarantees, as far as the broker's settings are known. */
  readonly #guarantees: Guarantees;
  readonly #replays = new Set<WindowReplay>();
  readonly #settlementFailures: SettlementFailures;
  readonly #starvation: StarvationWatch;
  readonly #suspects: SuspectGate;
  #consumption: Consumption | undefined;
  #drained: Promise<number> | undefined;

  /**
   * Rejects everything that is wrong regardless of the broker's state.
   * @throws TransportError `TRANSPORT_OPTION_*`, `TRANSPORT_CAPABILITY_UNSUPPORTED`,
   *   `TRANSPORT_SUBSCRIPTION_DUPLICATE`, `TRANSPORT_TOPIC_INVALID`, `TRANSPORT_GROUP_INVALID`
   */
  constructor(
    broker: Broker,
    connection: BrokerConnection,
    host: BrokerHost,
    plans: readonly SubscriptionPlan[],
    settings: ConsumerSettings = {},
  ) {
    this.#connection = connection;
    this.#host = host;
    this.#settlementFailures = new SettlementFailures(host);
    refuseDuplicates(plans);
    const { codec = jsonCodec } = settings;
    this.#suspects = new SuspectGate(host.clock, settings.random ?? Math.random);
    const tools = { ...runnerTools(connection, host, settings), suspects: this.#suspects };
    const port: PreparationPort = {
      ...{ broker, connection, host, tools, settings, instance: randomBytes(4).toString('hex') },
      replay: (replayable, window) => this.#replay(replayable, window),
    };
    this.#running = plans.map((plan) => prepareSubscription(plan, port));
    refuseReadTwice(this.#running);
    this.#starvation = new StarvationWatch(host, watchedOf(this.#running));
    this.#codecs = [...new Set([codec, ...plans.flatMap(({ routes }) => routes.map((route) => route.codec ?? codec))])];
    const subjects = this.#running.map(({ subject }) => subject);
    this.#guarantees = new Guarantees(broker, connection, subjects);
  }

  get guarantees(): Guarantees {
    return this.#guarantees;
  }

  /** Number of unsettled messages that the runners hold. */
  get inFlight(): number {
    return this.#running.reduce((sum, { sink }) => sum + sink.inFlight, 0);
  }

  /**
   * One sentence per subscription whose copies cannot be stored, whose settlements fail repeatedly, or that receives
   * nothing while messages wait.
   */
  get problems(): readonly string[] {
    return this.#running.flatMap(({ plan, sink }) => {
      const copies = sink.waitingCopies === 0 ? undefined : copiesWait(plan, sink.waitingCopies);
      const settlements = this.#settlementFailures.problemOf(plan.topic, plan.group);
      const starved = this.#starvation.problemOf(plan.topic, plan.group);
      return [copies, settlements, starved].filter((problem) => problem !== undefined);
    });
  }

  /** The subscriptions with every default filled in, for logs and health. */
  get subscriptions(): readonly SubscriptionSummary[] {
    return this.#running.map(({ plan, subject, warnings, control }) => {
      const { topic, group, options, deadLetterTopic, retryTopics = [] } = plan;
      const { guarantee: wantedGuarantee, ...rest } = options;
      return {
        topic,
        group,
        declaredGroup: control.group,
        where: subject.where,
        ...rest,
        resolvedDeadLetterTopic: deadLetterTopic,
        retryTopics,
        wantedGuarantee,
        guarantee: this.#guarantees.of(subject),
        warnings,
      };
    });
  }

  /**
   * Returns the control of one subscription; undefined if there is none.
   * @param group can be left out if the topic has one subscription
   */
  control(topic: string, group?: string): SubscriptionControl | undefined {
    const found = this.#find(topic, group);
    if (found?.plan.calls !== undefined) found.plan.calls.isTracked = true;
    return found?.control;
  }

  isPaused(topic: string, group: string): boolean {
    return (this.#find(topic, group)?.control.pauseReasons.length ?? 0) > 0;
  }

  #find(topic: string, group: string | undefined): PreparedSubscription | undefined {
    const found = this.#running.filter(
      ({ control }) => control.topic === topic && (group ?? control.group) === control.group,
    );
    return found.length === 1 ? found[0] : undefined;
  }

  /**
   * Ensures topics, dead-letter topics and guarantees, then starts intake.
   * @throws TransportError `TRANSPORT_TOPIC_MISSING`, `TRANSPORT_GUARANTEE_UNMET` and other errors of the driver's
   *   `ensureTopics` and `consume`; `TRANSPORT_PEER_MISSING` and other errors of a codec's `prepare`
   */
  async start(): Promise<void> {
    if (this.#running.length === 0 || this.#isDraining()) return;
    await Promise.all(this.#codecs.map(async (codec) => codec.prepare?.()));
    await this.#ensureTopics();
    await this.#guarantees.ask();
    this.#guarantees.refuseUnmet();
    const consumption = await this.#connection.consume(this.#running.flatMap((each) => [each, ...each.retries]));
    // A drain may have started while the groups were joined; nothing else would close this consumption.
    if (this.#isDraining()) return consumption.close();
    this.#consumption = consumption;
    this.#starvation.begin(consumption);
    this.#reportStarted();
  }

  /**
   * Stops intake, waits up to `timeoutMs` for running handlers, flushes the settlements and leaves the groups. Resolves
   * with the number of unsettled messages, which the broker redelivers. A second call returns the same Promise.
   */
  drain(timeoutMs: number): Promise<number> {
    this.#drained ??= this.#drain(timeoutMs);
    return this.#drained;
  }

  /** Retry topics, like dead-letter topics, must keep messages that no consumer reads yet. */
  #ensureTopics(): Promise<void> {
    const kept = [...this.#topics('deadLetterTopic'), ...this.#retryTopics()];
    const all = [[this.#topics('topic'), 'subscribe'] as const, [kept, 'dead-letter'] as const];
    return ensureEach(all, ([topics, purpose]) => this.#connection.ensureTopics(topics, purpose));
  }

  #isDraining(): boolean {
    return this.#drained !== undefined;
  }

  async #drain(timeoutMs: number): Promise<number> {
    const { notices, broker, clock } = this.#host;
    const startedAt = clock.monotonicMs();
    notices.emit('drain:started', { broker, inFlight: this.inFlight, timeoutMs });
    this.#starvation.end();
    const stopped = this.#consumption?.stop() ?? Promise.resolve();
    const replays = [...this.#replays];
    // No more messages arrive, so a partial batch need not wait.
    for (const { collectors } of this.#running) for (const collector of collectors) collector.end();
    for (const { retries } of this.#running) for (const { sink } of retries) sink.end();
    const ended = replays.map((replay) => replay.end());
    await this.#within(timeoutMs, [stopped, ...ended, ...this.#running.map(({ sink }) => sink.drain())]);
    const unsettled = this.inFlight;
    const leftMs = timeoutMs - (clock.monotonicMs() - startedAt);
    const closed = [this.#consumption?.close() ?? Promise.resolve(), ...replays.map((replay) => replay.close())];
    // A stopped broker does not answer the last settlements, and the shutdown must not wait for it.
    await this.#within(Math.max(LAST_CLOSE_MS, leftMs), closed);
    this.#suspects.end();
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

  async #replay(replayable: Replayable, window: ReplayWindow): Promise<ReplayReport> {
    const replay = new WindowReplay(replayable, window);
    if (this.#isDraining()) throw tooLateToReplay(replayable.plan);
    this.#replays.add(replay);
    return replay.run().finally(() => this.#replays.delete(replay));
  }

  #topics(kind: 'topic' | 'deadLetterTopic'): readonly string[] {
    const topics = this.#running.map(({ plan }) => plan[kind]);
    return [...new Set(topics)].filter((topic) => topic !== undefined);
  }

  #retryTopics(): readonly string[] {
    return this.#running.flatMap(({ plan }) => plan.retryTopics ?? []);
  }

  #reportStarted(): void {
    const { notices, broker } = this.#host;
    for (const { plan } of this.#running) {
      notices.emit('subscription:started', { broker, topic: plan.topic, group: plan.group });
    }
    for (const { plan, warnings } of this.#running) {
      for (const warning of warnings) {
        notices.emit('subscription:warned', { broker, topic: plan.topic, group: plan.group, warning });
      }
    }
    for (const lowered of this.#guarantees.surprises()) notices.emit('guarantee:lowered', { broker, ...lowered });
  }
}

function runnerTools(connection: BrokerConnection, host: BrokerHost, settings: ConsumerSettings): RunnerTools {
  return {
    clock: host.clock,
    notices: host.notices,
    deadLetters: new DeadLetters(connection.producer),
    classify: settings.classify,
    restOf: settings.restOf,
    random: settings.random ?? Math.random,
  };
}

/** In the order of `consume`. Messages in retry topics are held back on purpose, so the watch ignores these topics. */
const watchedOf = (running: readonly PreparedSubscription[]): readonly WatchedSubscription[] =>
  running.flatMap((each) => [watched(each), ...each.retries.map(({ subscription }) => heldBack(subscription))]);

const watched = ({ subscription: { topic, group }, sink }: PreparedSubscription): WatchedSubscription => ({
  topic,
  group,
  get received() {
    return sink.received;
  },
  get hasRoom() {
    return sink.hasRoom;
  },
});

const heldBack = ({ topic, group }: Subscription): WatchedSubscription => ({
  topic,
  group,
  received: 0,
  hasRoom: false,
});

function copiesWait({ topic, group, deadLetterTopic, retryTopics = [] }: RunnerPlan, count: number): string {
  const targets = [deadLetterTopic, ...retryTopics].filter((target) => target !== undefined);
  return `${count} messages of "${topic}" (group "${group}") stay unsettled, because their copies cannot be stored in ${targets.join(', ')}.`;
}

function tooLateToReplay({ topic, group }: RunnerPlan): TransportError {
  const text = `Topic "${topic}" cannot be replayed for group "${group}": the application is shutting down.`;
  return new TransportError('TRANSPORT_CLOSED', text, { topic });
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
    `${plan.where} and ${earlier.where} both subscribe to topic "${plan.topic}" as group "${plan.group}", so each would miss messages that the other receives. Give one of them a different group.`,
    { topic: plan.topic },
  );
}
