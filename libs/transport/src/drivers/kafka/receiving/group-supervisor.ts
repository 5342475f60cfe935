import { TransportError, type BrokerHost, type SubscriptionSink } from '../../../contract/index.js';
import { ClientFailure, type ClientMember, type KafkaClient } from '../client/seam.js';
import { GroupIntake } from './group-intake.js';
import { errorOf, transportError } from '../mapping.js';
import type { ResolvedKafkaOptions } from '../options.js';
import type { Topics } from '../topology/topics.js';
import { sleep, within } from '../../kit/waits.js';

/** Waits between two tries to get a member of a group going: doubling, then steady. */
const FIRST_RESTART_MS = 200;
const MAX_RESTART_MS = 3_000;
/** Tries of the first start that nobody is told about. */
const QUIET_TRIES = 2;
/** How often a topic that is gone is looked for. */
const MISSING_TOPIC_LOOK_MS = 3_000;
/** How long a close waits for the last commit, and for each of the rest: a broker that is stopped answers nothing. */
const COMMIT_LIMIT_MS = 3_000;
const LAST_LIMIT_MS = 1_000;

/**
 * Keeps one group alive: its member is made anew whenever it dies, for as long as the application wants to consume.
 * kafkajs' own restart is not used: it loops each 300 ms, leaks listeners, and some errors end it for ever.
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

  /** The group's. */
  get name(): string {
    return this.#group;
  }

  get problems(): string[] {
    const missing = this.#missing.map(
      (topic) => `topic "${topic}" of group "${this.#group}" does not exist; it is looked for`,
    );
    return [...(this.#problem === undefined ? [] : [this.#problem]), ...missing, ...this.#intake.problems];
  }

  get isDown(): boolean {
    return this.#problem !== undefined;
  }

  /** Resolves when the member is placed and knows where to read from; waits out what another try can mend. @throws TransportError what it cannot */
  async start(): Promise<void> {
    while (!this.#isOver) {
      const error = await this.#tryToPlace();
      if (error === undefined) return this.#intake.placed();
      if (!error.retryable) throw error;
      await this.#pauseAfter(error);
    }
  }

  /** Resolves when the sinks have what this member's partitions hold now. @throws TransportError */
  untilEnd(): Promise<void> {
    return this.#intake.untilEnd();
  }

  /** Records that wait on the brokers for this member, by topic; topics of which nothing is known are left out. Never rejects. */
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
    // n.b. it ends the sockets, and so a commit and a join that get no answer.
    await this.#member?.leave();
    await within(clock, LAST_LIMIT_MS, Promise.all([committed, this.#recovering]));
    if (this.#sinks.some(({ subscription }) => subscription.delivery === 'every-instance')) await this.#deleteGroup();
  }

  /** A group that this instance alone had. Best effort: the broker forgets it by itself too, after offsets.retention.minutes. */
  async #deleteGroup(): Promise<void> {
    await within(this.#host.clock, LAST_LIMIT_MS, this.#client.deleteGroup(this.#group));
  }

  /** undefined: placed, or not wanted any more. */
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

  /** All topics of the group, but for those that are gone: one that was deleted must not stop the others. */
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

  /** A topic that is back is subscribed to by a new member. */
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
    this.#problem = `group "${this.#group}" does not consume: ${cause.message}`;
    // n.b. a coordinator that is still loading answers a moment later; on a young cluster that is no news.
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
        `the consumer of group "${group}" on "${topic}" died and is built anew: ${cause.message}`,
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

/** Who reads dead letters holds them all unsettled, and may ask for more of them than `maxUncommitted`. */
function withRoomFor(sinks: readonly SubscriptionSink[], options: ResolvedKafkaOptions): ResolvedKafkaOptions {
  const wanted = sinks.map(({ subscription }) => subscription.maxInFlight);
  return { ...options, maxUncommitted: Math.max(options.maxUncommitted, ...wanted) };
}

const asFailure = (error: unknown): ClientFailure =>
  error instanceof ClientFailure
    ? error
    : new ClientFailure('other', String((error as Error)?.message ?? error), { cause: error });
