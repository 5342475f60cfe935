import { TransportError, type BrokerHost, type SubscriptionSink } from '../../../contract/index.js';
import { ClientFailure, type ClientMember, type KafkaClient } from '../client/seam.js';
import { GroupIntake } from './group-intake.js';
import { errorOf, transportError } from '../mapping.js';
import type { ResolvedKafkaOptions } from '../options.js';
import type { Topics } from '../topology/topics.js';
import { sleep, within } from '../../kit/waits.js';

/** Backoff between two attempts to start a member: doubling up to the maximum. */
const FIRST_RESTART_MS = 200;
const MAX_RESTART_MS = 3_000;
/** Failed attempts of the first start that are not reported. */
const QUIET_TRIES = 2;
/** How often the driver checks for a missing topic. */
const MISSING_TOPIC_LOOK_MS = 3_000;
/** How long a close waits for the last commit, and for each later step, because a suspended broker never responds. */
const COMMIT_LIMIT_MS = 3_000;
const LAST_LIMIT_MS = 1_000;

/**
 * Keeps one group consuming: recreates its member whenever it dies, until the application closes.
 * kafkajs' own restart is not used: it loops every 300 ms, leaks listeners, and stops permanently after some errors.
 */
export class GroupSupervisor {
  readonly #host: BrokerHost;
  readonly #client: KafkaClient;
  readonly #topics: Topics;
  readonly #options: ResolvedKafkaOptions;
  readonly #group: string;
  readonly #sinks: readonly SubscriptionSink[];
  readonly #intake: GroupIntake;
  #member: ClientMember | undefined;
  #memberId: string | undefined;
  #missing: readonly string[] = [];
  #problem: string | undefined;
  #restarts = 0;
  #stopped = false;
  #placedOnce = false;
  #closed: Promise<void> | undefined;
  #recovering: Promise<void> | undefined;
  #callOffLook: (() => void) | undefined;

  constructor(
    host: BrokerHost,
    client: KafkaClient,
    topics: Topics,
    group: string,
    sinks: readonly SubscriptionSink[],
    options: ResolvedKafkaOptions,
  ) {
    this.#host = host;
    this.#client = client;
    this.#topics = topics;
    this.#group = group;
    this.#sinks = sinks;
    this.#options = options;
    this.#intake = new GroupIntake(host, group, sinks, withRoomFor(sinks, options));
  }

  /** The id of the group. */
  get name(): string {
    return this.#group;
  }

  get problems(): string[] {
    const missing = this.#missing.map(
      (topic) =>
        `topic "${topic}" of group "${this.#group}" does not exist; the driver checks for it every ${MISSING_TOPIC_LOOK_MS / 1_000} s`,
    );
    return [...(this.#problem === undefined ? [] : [this.#problem]), ...missing, ...this.#intake.problems];
  }

  get isDown(): boolean {
    return this.#problem !== undefined;
  }

  /** Resolves when the member is placed and knows its start positions. Retries errors that can pass. @throws TransportError otherwise */
  async start(): Promise<void> {
    while (!this.#isOver) {
      const error = await this.#tryToPlace();
      if (error === undefined) return this.#intake.placed();
      if (!error.retryable) throw error;
      await this.#pauseAfter(error);
    }
  }

  /** Resolves when the sinks have received everything that the partitions of this member hold now. @throws TransportError */
  untilEnd(): Promise<void> {
    return this.#intake.untilEnd();
  }

  /** Counts the records that wait on the brokers for this member, by topic. Topics with an unknown count are left out. Never rejects. */
  async waiting(): Promise<ReadonlyMap<string, number>> {
    return this.isDown || this.#isOver ? new Map<string, number>() : this.#intake.waiting();
  }

  stop(): void {
    this.#stopped = true;
    this.#callOffLook?.();
    this.#intake.stop();
  }

  close(): Promise<void> {
    this.#closed ??= this.#close();
    return this.#closed;
  }

  get #isOver(): boolean {
    return this.#closed !== undefined;
  }

  async #close(): Promise<void> {
    this.stop();
    const { clock } = this.#host;
    const committed = this.#intake.close();
    await within(clock, COMMIT_LIMIT_MS, committed);
    // leave() destroys the sockets, which ends a commit or a join without a response.
    await this.#member?.leave();
    await within(clock, LAST_LIMIT_MS, Promise.all([committed, this.#recovering]));
    if (this.#sinks.some(({ subscription }) => subscription.delivery === 'every-instance')) await this.#deleteGroup();
  }

  /** Deletes the broadcast group of this instance. Best effort: the broker expires it after offsets.retention.minutes. */
  async #deleteGroup(): Promise<void> {
    await within(this.#host.clock, LAST_LIMIT_MS, this.#client.deleteGroup(this.#group));
  }

  /** undefined when the member is placed, or the group is closed. */
  async #tryToPlace(): Promise<TransportError | undefined> {
    try {
      const topics = await this.#existingTopics();
      if (this.#isOver) return undefined;
      if (!this.#placedOnce) for (const { subscription } of this.#sinks) await this.#topics.checkStart(subscription);
      const member: ClientMember = this.#client.openMember(
        { group: this.#group, topics, memberId: this.#memberId, owned: this.#intake.owned },
        this.#intake.listen(
          () => member,
          (failure) => this.#recover(failure),
        ),
      );
      this.#member = member;
      await this.#placeMember(member);
      return undefined;
    } catch (error) {
      return error instanceof TransportError ? error : this.#errorFor(asFailure(error));
    }
  }

  async #placeMember(member: ClientMember): Promise<void> {
    try {
      await member.start();
    } catch (error) {
      this.#memberId = member.memberId ?? this.#memberId;
      await member.leave();
      throw error;
    }
    // Closed while it was joining.
    if (this.#isOver) return member.leave();
    if (this.#problem !== undefined && this.#placedOnce) this.#tellRecovered();
    this.#restarts = 0;
    this.#problem = undefined;
    this.#placedOnce = true;
    if (this.#missing.length > 0) this.#lookForMissing();
  }

  /** The topics of the group that exist: a deleted topic must not stop the others. */
  async #existingTopics(): Promise<string[]> {
    const wanted = this.#sinks.map(({ subscription }) => subscription.topic);
    const missing = await this.#topics.missingOf(wanted);
    this.#missing = missing;
    const existing = wanted.filter((topic) => !missing.includes(topic));
    if (existing.length > 0 && (this.#placedOnce || missing.length === 0)) return existing;
    throw errorOf(
      'TRANSPORT_TOPIC_MISSING',
      `cannot consume for group "${this.#group}": topic "${missing[0]}" does not exist.`,
      {
        retryable: this.#placedOnce,
        ...(missing[0] === undefined ? {} : { topic: missing[0] }),
      },
    );
  }

  /** When a topic is back, a new member subscribes to it. */
  #lookForMissing(): void {
    this.#callOffLook?.();
    this.#callOffLook = this.#host.clock.schedule(MISSING_TOPIC_LOOK_MS, () => {
      this.#callOffLook = undefined;
      void this.#lookOnce();
    });
  }

  async #lookOnce(): Promise<void> {
    const missing = await this.#topics.missingOf(this.#missing).catch(() => this.#missing);
    if (this.#stopped || this.#recovering !== undefined) return;
    if (missing.length === this.#missing.length) return this.#lookForMissing();
    this.#recovering = this.#replace().finally(() => (this.#recovering = undefined));
  }

  async #replace(): Promise<void> {
    this.#intake.recall();
    await this.#member?.leave();
    this.#memberId = undefined;
    await this.#keepTrying();
  }

  #recover(failure: ClientFailure): void {
    if (this.#isOver || this.#recovering !== undefined) return;
    this.#memberId = this.#member?.memberId;
    this.#recovering = this.#restart(failure).finally(() => (this.#recovering = undefined));
  }

  async #restart(failure: ClientFailure): Promise<void> {
    await this.#member?.leave();
    await this.#pauseAfter(this.#errorFor(failure));
    await this.#keepTrying();
  }

  async #keepTrying(): Promise<void> {
    while (!this.#isOver) {
      const error = await this.#tryToPlace();
      if (error === undefined) return;
      await this.#pauseAfter(error);
    }
  }

  async #pauseAfter(cause: TransportError): Promise<void> {
    if (this.#isOver) return;
    const restartInMs = Math.min(MAX_RESTART_MS, FIRST_RESTART_MS * 2 ** this.#restarts);
    this.#restarts++;
    this.#problem = `group "${this.#group}" is not consuming: ${cause.message}`;
    // The first attempts are not reported, because a coordinator on a new cluster takes a moment to load.
    if (this.#placedOnce || this.#restarts > QUIET_TRIES) this.#tellCrashed(cause, restartInMs);
    await sleep(this.#host.clock, restartInMs);
  }

  #tellRecovered(): void {
    const { broker, notices } = this.#host;
    for (const { subscription } of this.#sinks) {
      const { topic, group } = subscription;
      notices.emit('subscription:recovered', { broker, topic, group });
    }
  }

  #tellCrashed(cause: TransportError, restartInMs: number): void {
    const { broker, notices } = this.#host;
    for (const { subscription } of this.#sinks) {
      const { topic, group } = subscription;
      const error = errorOf(
        'TRANSPORT_SUBSCRIPTION_CRASHED',
        `the consumer of group "${group}" on "${topic}" died and is being recreated: ${cause.message}`,
        {
          retryable: true,
          topic,
          cause,
        },
      );
      notices.emit('subscription:crashed', { broker, topic, group, error, restartInMs });
    }
  }

  #errorFor(failure: ClientFailure): TransportError {
    const { brokers, tls } = this.#options;
    return transportError(failure, {
      what: `cannot consume for group "${this.#group}"`,
      brokers,
      tls: tls !== undefined,
    });
  }
}

/** A reader of dead letters keeps them all unsettled, and may ask for more of them than `maxUncommitted`. */
function withRoomFor(sinks: readonly SubscriptionSink[], options: ResolvedKafkaOptions): ResolvedKafkaOptions {
  const wanted = sinks.map(({ subscription }) => subscription.maxInFlight);
  return { ...options, maxUncommitted: Math.max(options.maxUncommitted, ...wanted) };
}

const asFailure = (error: unknown): ClientFailure =>
  error instanceof ClientFailure
    ? error
    : new ClientFailure('other', String((error as Error)?.message ?? error), { cause: error });
