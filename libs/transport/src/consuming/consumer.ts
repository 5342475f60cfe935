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

/** Consumptions get at least this long to make settlements safe, even when the handlers used up the whole drain timeout. */
const LAST_CLOSE_MS = 2_000;

/** What is known of one subscription before it starts: every default filled in. */
export interface SubscriptionSummary extends Omit<ResolvedConsumingOptions, 'guarantee'> {
  readonly topic: string;
  /** For `'every-instance'` this instance's own. */
  readonly group: string;
  /** As it was written down. */
  readonly declaredGroup: string;
  /** How a reader finds the place in the code. */
  readonly where: string;
  readonly wantedGuarantee: GuaranteeLevel | undefined;
  readonly guarantee: Guarantee;
  readonly warnings: readonly string[];
  /** undefined: discarded */
  readonly resolvedDeadLetterTopic: string | undefined;
  /** Where messages wait between tiers, in their order; empty where the broker keeps them itself, or there are none. */
  readonly retryTopics: readonly string[];
}

/** All subscriptions of one application on one broker: their runners, their intake, their end. */
export class Consumer {
  readonly #connection: BrokerConnection;
  readonly #host: BrokerHost;
  readonly #running: readonly PreparedSubscription[];
  readonly #codecs: readonly Codec[];
  /** What can be promised, as far as the broker was asked. */
  readonly #guarantees: Guarantees;
  readonly #replays = new Set<WindowReplay>();
  readonly #settlementFailures: SettlementFailures;
  readonly #starvation: StarvationWatch;
  readonly #suspects: SuspectGate;
  #consumption: Consumption | undefined;
  #drained: Promise<number> | undefined;

  /**
   * Checks everything that can be known to be wrong before a broker is asked.
   * @throws TransportError `TRANSPORT_OPTION_*`, `TRANSPORT_CAPABILITY_UNSUPPORTED`, `TRANSPORT_SUBSCRIPTION_DUPLICATE`,
   *   `TRANSPORT_TOPIC_INVALID`, `TRANSPORT_GROUP_INVALID`
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

  /** Messages with the runners that are not settled. */
  get inFlight(): number {
    return this.#running.reduce((sum, { sink }) => sum + sink.inFlight, 0);
  }

  /** One sentence per subscription with messages that wait because their copies cannot be stored, and per one whose settlements fail repeatedly, and per one that receives nothing while messages wait. */
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
   * Pauses and continues one subscription; undefined when there is none.
   * @param group left out where the topic has one subscription
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
   * Makes sure of topics and dead-letter topics and of what can be promised, then starts intake.
   * @throws TransportError `TRANSPORT_TOPIC_MISSING`, `TRANSPORT_GUARANTEE_UNMET` and what else the driver's `ensureTopics` and
   *   `consume` refuse; `TRANSPORT_PEER_MISSING` and what else keeps a codec from reading
   */
  async start(): Promise<void> {
    if (this.#running.length === 0 || this.#isDraining()) return;
    await Promise.all(this.#codecs.map(async (codec) => codec.prepare?.()));
    await this.#ensureTopics();
    await this.#guarantees.ask();
    this.#guarantees.refuseUnmet();
    const consumption = await this.#connection.consume(this.#running.flatMap((each) => [each, ...each.retries]));
    // n.b. a drain may have come while the groups were joined: then nobody else would close this.
    if (this.#isDraining()) return consumption.close();
    this.#consumption = consumption;
    this.#starvation.begin(consumption);
    this.#tellStarted();
  }

  /**
   * Stops intake, lets what runs finish for at most `timeoutMs`, makes the settlements safe and leaves the groups.
   * Resolves with the number of messages left unsettled: the broker brings them back. Twice is the same as once.
   */
  drain(timeoutMs: number): Promise<number> {
    this.#drained ??= this.#drain(timeoutMs);
    return this.#drained;
  }

  /** n.b. retry topics too keep what nobody reads yet. */
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
    // n.b. nothing more comes, so a batch that is not full waits for nobody.
    for (const { collectors } of this.#running) for (const collector of collectors) collector.end();
    for (const { retries } of this.#running) for (const { sink } of retries) sink.end();
    const ended = replays.map((replay) => replay.end());
    await this.#within(timeoutMs, [stopped, ...ended, ...this.#running.map(({ sink }) => sink.drain())]);
    const unsettled = this.inFlight;
    const leftMs = timeoutMs - (clock.monotonicMs() - startedAt);
    const closed = [this.#consumption?.close() ?? Promise.resolve(), ...replays.map((replay) => replay.close())];
    // n.b. a broker that is stopped answers no last settlement: the end of the application does not wait for it.
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

  #tellStarted(): void {
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

/** In the order of `consume`. What waits in a retry topic is held back on purpose, so retry topics are never compared. */
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
  return `${count} messages of "${topic}" (group "${group}") wait unsettled, because their copies cannot be stored in ${targets.join(', ')}.`;
}

function tooLateToReplay({ topic, group }: RunnerPlan): TransportError {
  const text = `Topic "${topic}" cannot be replayed for group "${group}": its application ends.`;
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
    `${plan.where} and ${earlier.where} both subscribe to topic "${plan.topic}" as group "${plan.group}", so each would miss what the other takes. Give one of them a group of its own.`,
    { topic: plan.topic },
  );
}
