import type { BrokerHost, Subscription, SubscriptionSink } from '../../../contract/index.js';
import {
  ClientFailure,
  type ClientMember,
  type CommittedOffset,
  type FetchedBatch,
  type MemberListener,
  type ReadPosition,
} from '../client/seam.js';
import { decodeCommitState, encodeCommitState, NOTHING_KNOWN, type CommitState } from './commit-metadata.js';
import { Commits } from './commits.js';
import { Exposure } from './exposure.js';
import { transportError } from '../mapping.js';
import type { ResolvedKafkaOptions } from '../options.js';
import { firstPlace } from './first-place.js';
import { EndWaiters, endsOf } from './partition-ends.js';
import { PartitionIntake, type IntakeOwner } from './partition-intake.js';
import { RebalanceWatch } from './rebalance-watch.js';
import { WaitingRecords } from '../publishing/waiting-records.js';
import { sleep } from '../../kit/waits.js';

/** How long a batch may wait for its handlers before its partition is paused and the others are read on. */
const BATCH_WAIT_MS = 200;
/** How often a waiting batch sends a heartbeat, and a rebalance checks whether handlers have finished. */
const BEAT_MS = 50;
const LOOK_MS = 10;

/**
 * Holds the partitions of one group in this process across rebalances and client restarts, and commits their offsets.
 */
export class GroupIntake implements IntakeOwner {
  readonly #host: BrokerHost;
  readonly #group: string;
  readonly #options: ResolvedKafkaOptions;
  readonly #sinks: ReadonlyMap<string, SubscriptionSink>;
  readonly #intakes = new Map<string, PartitionIntake>();
  readonly #commits: Commits;
  readonly #exposure: Exposure;
  #assigned = new Set<string>();
  /** Assigned partitions without a known start position. */
  #unplaced = new Set<string>();
  #placedWaiters: (() => void)[] = [];
  readonly #endWaiters = new EndWaiters();
  readonly #waiting: WaitingRecords;
  #member: ClientMember | undefined;
  #stopped = false;
  /** The group may have reassigned the partitions: no handler starts until it confirms the member, or the member rejoins. */
  #isDoubtful = false;
  #commitProblem: string | undefined;
  readonly #rebalance: RebalanceWatch;
  /** Serializes calls, because several fetchers of one member ask at the same time. */
  #answering: Promise<unknown> = Promise.resolve();

  constructor(host: BrokerHost, group: string, sinks: readonly SubscriptionSink[], options: ResolvedKafkaOptions) {
    this.#host = host;
    this.#group = group;
    this.#options = options;
    this.#sinks = new Map(sinks.map((sink) => [sink.subscription.topic, sink]));
    this.#exposure = new Exposure(options.maxUncommitted);
    this.#waiting = new WaitingRecords(host.clock);
    this.#rebalance = new RebalanceWatch(host.clock, group, (warning) => this.#warn(warning));
    this.#commits = new Commits({
      clock: host.clock,
      intervalMs: options.commitIntervalMs,
      commit: async (offsets) => this.#member?.commit(offsets),
      committed: () => {
        for (const intake of this.#intakes.values()) intake.goOn();
      },
      failed: (failure) => this.#tellCommitFailed(transportError(failure, this.#place('commit'))),
      recovered: () => (this.#commitProblem = undefined),
    });
  }

  /** The partitions of the member, for its successor. */
  get owned(): Record<string, number[]> {
    const owned: Record<string, number[]> = {};
    for (const { topic, partition } of this.#intakes.values()) (owned[topic] ??= []).push(partition);
    return owned;
  }

  get problems(): string[] {
    const stalled = [...this.#intakes.values()].filter((intake) => intake.isStalled);
    const texts = stalled.map(
      ({ topic, partition, group, unsettledOffset }) =>
        `partition ${partition} of "${topic}" is stalled in group "${group}": offset ${unsettledOffset} is not settled`,
    );
    return [...texts, this.#commitProblem, this.#rebalance.problem].filter((text) => text !== undefined);
  }

  /** Creates the listener of a client member. A new member takes over the partitions of the previous one. */
  listen(member: () => ClientMember, died: MemberListener['died']): MemberListener {
    return {
      beforeJoin: () => this.#beforeJoin(),
      joined: (assignment) => this.#joined(member(), assignment),
      positions: (committed) => this.#inTurn(() => this.#positions(member(), committed)),
      fetched: (batch, beat) => this.#fetched(batch, beat),
      confirmed: () => this.#confirmed(),
      passed: ({ topic, partition, offset }) => this.#intakes.get(placeOf(topic, partition))?.pass(offset),
      died: (failure) => {
        // Running handlers may finish. The next member commits them if it still owns the partition.
        this.#commits.suspend();
        this.#rebalance.rest();
        this.recall();
        died(failure);
      },
    };
  }

  /**
   * Resolves when the start position of each assigned partition is known. Messages published after that are not missed, also by a
   * group with `startFrom: 'new'`.
   */
  placed(): Promise<void> {
    return this.#unplaced.size === 0 ? Promise.resolve() : new Promise((resolve) => this.#placedWaiters.push(resolve));
  }

  /** Resolves when the sinks have received everything that the partitions hold now. @throws TransportError */
  async untilEnd(): Promise<void> {
    await this.placed();
    const ends = await endsOf(this.#member as ClientMember, [...this.#intakes.values()]).catch((error) => {
      throw error instanceof ClientFailure
        ? transportError(error, this.#place('read the end offsets of topics'))
        : error;
    });
    await this.#endWaiters.until(ends, (end) => this.#isHandedOver(end));
  }

  /** Counts the records that wait on the brokers for this member, by topic; see `Consumption.waiting`. Never rejects. */
  async waiting(): Promise<ReadonlyMap<string, number>> {
    const [member, assigned] = [this.#member, this.#assigned];
    if (member === undefined || this.#isDoubtful) return new Map();
    const read = [...this.#intakes].filter(
      ([place, intake]) => !this.#unplaced.has(place) && (this.#stopped || !intake.isHeld),
    );
    const counts = await this.#waiting.count(
      member,
      read.map(([, intake]) => intake),
    );
    return assigned === this.#assigned ? counts : new Map();
  }

  moved(): void {
    this.#endWaiters.changed();
  }

  pause(intake: PartitionIntake): void {
    this.#unlessDying((member) => member.pause(intake.topic, intake.partition));
  }

  resume(intake: PartitionIntake): void {
    if (!this.#stopped) this.#unlessDying((member) => member.resume(intake.topic, intake.partition));
  }

  /** Ignores failures: only a dying member throws here, and the next member restores the pauses when it joins. */
  #unlessDying(action: (member: ClientMember) => void): void {
    if (this.#member === undefined) return;
    try {
      action(this.#member);
    } catch {
      // See the comment of this method.
    }
  }

  commitNow(): Promise<unknown> {
    return this.#commits.flush();
  }

  touched(intake: PartitionIntake, now: boolean): void {
    this.#commits.touched(intake, now);
  }

  /** Whether a handler may start: the group still counts this member as alive, by the clock and not only by the last event. */
  mayBegin(): boolean {
    const confirmedAtMs = this.#member?.confirmedAtMs ?? Infinity;
    if (this.#host.clock.monotonicMs() - confirmedAtMs <= this.#options.sessionTimeoutMs) return true;
    this.#isDoubtful = true;
    this.recall();
    return false;
  }

  /** Prevents handlers from starting until the next member has its positions, because another member may own the partitions. */
  recall(): void {
    for (const intake of this.#intakes.values()) intake.recall();
  }

  /** Delivers nothing new. Messages with the sinks are still settled and committed. */
  stop(): void {
    this.#stopped = true;
    this.#rebalance.end();
    for (const intake of this.#intakes.values()) {
      intake.hold();
      intake.pause();
    }
  }

  /** Commits what is done, with retries, and revokes the rest. */
  async close(): Promise<void> {
    this.stop();
    for (const intake of this.#intakes.values()) intake.leave();
    const { clock } = this.#host;
    const deadline = clock.monotonicMs() + CLOSE_COMMIT_LIMIT_MS;
    while (!(await this.#commits.flush()) && clock.monotonicMs() < deadline) await sleep(clock, CLOSE_RETRY_MS);
    this.#commits.close();
    for (const intake of this.#intakes.values()) intake.revoke(this.#commits.lastFailure);
    this.#intakes.clear();
    this.#unplaced.clear();
    this.#tellPlaced();
  }

  /** The process was suspended for longer than the session timeout, and the group has kept the member. */
  #confirmed(): void {
    if (!this.#isDoubtful) return;
    this.#isDoubtful = false;
    if (this.#stopped) return;
    for (const [place, intake] of this.#intakes) if (!this.#unplaced.has(place)) intake.release();
  }

  /** Before a join: starts no handler, waits for running ones and commits them while this member still owns the partitions. */
  async #beforeJoin(): Promise<void> {
    this.#isDoubtful = false;
    this.#rebalance.waitsFor('join');
    this.recall();
    // If the broker no longer knows this member, others own its partitions already, and waiting is pointless.
    const stillOurs = this.#intakes.size > 0 && (await this.#commits.flush());
    if (stillOurs) await this.#handlersEnd();
    for (const intake of this.#intakes.values()) intake.leave();
    if (stillOurs) await this.#commits.flush();
    this.#commits.suspend();
  }

  async #handlersEnd(): Promise<void> {
    const { revokeWaitMs, sessionTimeoutMs, rebalanceTimeoutMs } = this.#options;
    const { clock } = this.#host;
    const limitMs = Math.min(revokeWaitMs, sessionTimeoutMs * 0.6, rebalanceTimeoutMs * 0.6);
    const deadline = clock.monotonicMs() + limitMs;
    while (clock.monotonicMs() < deadline && [...this.#intakes.values()].some(({ running }) => running > 0)) {
      await sleep(clock, LOOK_MS);
    }
  }

  #joined(member: ClientMember, assignment: Readonly<Record<string, readonly number[]>>): void {
    this.#member = member;
    this.#assigned = new Set(
      Object.entries(assignment).flatMap(([topic, partitions]) =>
        partitions.map((partition) => placeOf(topic, partition)),
      ),
    );
    this.#unplaced = new Set(this.#assigned);
    this.#rebalance.waitsFor('positions');
    this.#tellPlaced();
    for (const [place, intake] of this.#intakes) if (!this.#assigned.has(place)) this.#drop(place, intake);
    this.#commits.resume();
    // A client keeps the pauses of an older assignment, and a new client has none.
    for (const [topic, partitions] of Object.entries(assignment)) {
      for (const partition of partitions) this.#restorePause(member, topic, partition);
    }
  }

  #restorePause(member: ClientMember, topic: string, partition: number): void {
    const paused = this.#stopped || this.#intakes.get(placeOf(topic, partition))?.isPaused === true;
    if (paused) member.pause(topic, partition);
    else member.resume(topic, partition);
  }

  #drop(place: string, intake: PartitionIntake): void {
    this.#intakes.delete(place);
    this.#commits.forget(intake);
    const unsettled = intake.revoke(this.#commits.lastFailure);
    this.moved();
    const { topic, group, partition } = intake;
    this.#host.notices.emit('partition:revoked', { broker: this.#host.broker, topic, group, partition, unsettled });
  }

  /**
   * Another member of the group delivers the partitions it owns. A broadcast group has only this instance, so a partition that is
   * not assigned right now comes back with the next member.
   */
  #isHandedOver({ topic, partition, offset }: ReadPosition): boolean {
    const place = placeOf(topic, partition);
    const intake = this.#intakes.get(place);
    if (intake !== undefined) return intake.hasHandedOver(offset);
    return !this.#assigned.has(place) && this.#sinks.get(topic)?.subscription.delivery === 'group';
  }

  #inTurn<Result>(action: () => Promise<Result>): Promise<Result> {
    const answer = this.#answering.then(action, action);
    // Whoever called gets the failure; the next action only waits for its end.
    this.#answering = answer.catch(() => undefined);
    return answer;
  }

  /** Returns where to read: at the position of a kept partition, else at the committed offset, else at the start position. */
  async #positions(member: ClientMember, committed: readonly CommittedOffset[]): Promise<ReadPosition[]> {
    const assigned = this.#assigned;
    const ours = committed.filter(({ topic, partition }) => assigned.has(placeOf(topic, partition)));
    const fresh = ours.filter((entry) => this.#placed(entry) === undefined && this.#keep(entry) === undefined);
    await this.#openAll(member, fresh);
    // The group was rebalanced meanwhile, so the result belongs to the previous assignment.
    if (assigned !== this.#assigned) return [];
    for (const { topic, partition } of ours) this.#unplaced.delete(placeOf(topic, partition));
    this.#tellPlaced();
    return ours.flatMap(({ topic, partition }) => {
      const offset = this.#intakes.get(placeOf(topic, partition))?.position;
      return offset === undefined ? [] : [{ topic, partition, offset }];
    });
  }

  #tellPlaced(): void {
    if (this.#unplaced.size > 0) return;
    this.#rebalance.placed();
    this.#placedWaiters.splice(0).forEach((tell) => tell());
  }

  /**
   * The intake that was placed since the assignment. A client with a fetcher per broker asks once for each, with offsets that
   * it read before the first result.
   */
  #placed({ topic, partition, expired }: CommittedOffset): PartitionIntake | undefined {
    const place = placeOf(topic, partition);
    return this.#unplaced.has(place) || expired ? undefined : this.#intakes.get(place);
  }

  /** The intake from before the rebalance, unless another member has owned the partition since. */
  #keep({ topic, partition, offset, expired }: CommittedOffset): PartitionIntake | undefined {
    const place = placeOf(topic, partition);
    const intake = this.#intakes.get(place);
    if (intake === undefined) return undefined;
    if (expired || !intake.agreesWith(offset)) {
      this.#drop(place, intake);
      return undefined;
    }
    if (!this.#stopped) intake.release();
    return intake;
  }

  /**
   * Commits the opening of each partition before it delivers anything, so that the next owner knows how many members crashed.
   * Stops if the group was rebalanced meanwhile, because another member may own the partition.
   */
  async #openAll(member: ClientMember, fresh: readonly CommittedOffset[]): Promise<void> {
    const assigned = this.#assigned;
    const starts: Start[] = [];
    for (const entry of fresh) {
      const target = this.#sinks.get(entry.topic);
      if (target !== undefined) starts.push({ target, ...(await this.#start(member, target, entry)) });
    }
    if (starts.length === 0 || assigned !== this.#assigned) return;
    await this.#commitOpening(member, starts);
    if (assigned !== this.#assigned) return;
    for (const start of starts) this.#open(member, start);
  }

  async #commitOpening(member: ClientMember, starts: readonly Start[]): Promise<void> {
    const offsets = starts.map(({ target, partition, offset, known }) => ({
      topic: target.subscription.topic,
      partition,
      offset,
      metadata: encodeCommitState(offset, known),
    }));
    try {
      await member.commit(offsets);
    } catch (error) {
      // Without its first commit a group with startFrom 'new' would skip messages at its next start.
      if (starts.some(({ isFirst }) => isFirst)) throw error;
    }
  }

  #open(member: ClientMember, { target, partition, offset, known }: Start): void {
    const { broker, clock, notices } = this.#host;
    const { subscription, sink } = target;
    const { topic } = subscription;
    const settings = {
      broker,
      subscription,
      sink,
      partition,
      maxUncommitted: this.#options.maxUncommitted,
      exposure: this.#exposure,
      clock,
      notices,
    };
    const intake = new PartitionIntake(settings, this, offset, known);
    this.#intakes.set(placeOf(topic, partition), intake);
    if (this.#stopped) intake.hold();
    // The client may still pause it for an earlier intake.
    this.#restorePause(member, topic, partition);
    notices.emit('partition:assigned', { broker, topic, group: this.#group, partition });
  }

  /**
   * Returns where a partition starts. For `startFrom` other than `'beginning'` that position is committed before anything is handled. Otherwise the
   * next rebalance would compute it again and skip what was published in between.
   */
  async #start(
    member: ClientMember,
    { subscription }: SubscriptionSink,
    { topic, partition, offset: committed, expired, metadata }: CommittedOffset,
  ): Promise<Omit<Start, 'target'>> {
    const offset = expired ? await this.#stillThere(member, topic, partition, committed) : committed;
    if (offset !== undefined) {
      const known = decodeCommitState(offset, metadata);
      return { partition, offset, known: { ...known, openings: known.openings + 1 }, isFirst: false };
    }
    const bounds = (await member.bounds(topic, [partition])).get(partition) ?? { low: 0, high: 0 };
    const known = { ...NOTHING_KNOWN, openings: 1 };
    if (subscription.startFrom === 'beginning') return { partition, offset: bounds.low, known, isFirst: false };
    const siblings = await member.committed(topic, await this.#partitionIds(member, topic, partition));
    const firstCount = siblings
      .map((one) => decodeCommitState(one.offset ?? 0, one.metadata).partitions)
      .find((count) => count !== undefined);
    const count = Math.max(siblings.length, partition + 1);
    // A partition that was added later is new as a whole, and so are records that the group had not read: start at the beginning.
    const fromLow = expired || (firstCount !== undefined && partition >= firstCount);
    const start = fromLow ? bounds.low : await this.#firstPlace(member, subscription, partition, bounds);
    return { partition, offset: start, known: { ...known, partitions: firstCount ?? count }, isFirst: true };
  }

  async #firstPlace(
    member: ClientMember,
    subscription: Subscription,
    partition: number,
    bounds: { readonly low: number; readonly high: number },
  ): Promise<number> {
    const { offset, warning } = await firstPlace(member, subscription, partition, bounds);
    if (warning !== undefined) {
      const { broker, notices } = this.#host;
      notices.emit('subscription:warned', { broker, topic: subscription.topic, group: this.#group, warning });
    }
    return offset;
  }

  /** The committed offset, if it is in range although the position that was read is not. */
  async #stillThere(
    member: ClientMember,
    topic: string,
    partition: number,
    offset: number | undefined,
  ): Promise<number | undefined> {
    const bounds = (await member.bounds(topic, [partition])).get(partition);
    const isThere = offset !== undefined && bounds !== undefined && offset >= bounds.low && offset <= bounds.high;
    return isThere ? offset : undefined;
  }

  async #partitionIds(member: ClientMember, topic: string, atLeast: number): Promise<number[]> {
    const count = Math.max((await member.countPartitions(topic)) ?? 0, atLeast + 1);
    return Array.from({ length: count }, (_, index) => index);
  }

  async #fetched(batch: FetchedBatch, beat: () => Promise<void>): Promise<void> {
    const intake = this.#intakes.get(placeOf(batch.topic, batch.partition));
    if (intake === undefined) return;
    intake.take(batch);
    if (intake.isCaughtUp) return;
    const { clock } = this.#host;
    const deadline = clock.monotonicMs() + BATCH_WAIT_MS;
    while (!intake.isCaughtUp && clock.monotonicMs() < deadline) {
      await Promise.race([intake.caughtUp(), sleep(clock, BEAT_MS)]);
      await beat();
    }
    if (!intake.isCaughtUp) intake.pause();
  }

  #warn(warning: string): void {
    const { broker, notices } = this.#host;
    for (const topic of this.#sinks.keys()) {
      notices.emit('subscription:warned', { broker, topic, group: this.#group, warning });
    }
  }

  #tellCommitFailed(error: ReturnType<typeof transportError>): void {
    this.#commitProblem = `commits of group "${this.#group}" fail: ${error.message}`;
    for (const topic of this.#sinks.keys()) {
      this.#host.notices.emit('commit:failed', { broker: this.#host.broker, topic, group: this.#group, error });
    }
  }

  #place(verb: string) {
    return {
      what: `cannot ${verb} for group "${this.#group}"`,
      brokers: this.#options.brokers,
      tls: this.#options.tls !== undefined,
    };
  }
}

/** Where a partition is read from, and the state for its next commit. */
interface Start {
  readonly target: SubscriptionSink;
  readonly partition: number;
  readonly offset: number;
  readonly known: CommitState;
  /** The group has committed nothing here and does not start at the beginning. */
  readonly isFirst: boolean;
}

const CLOSE_COMMIT_LIMIT_MS = 3_000;
const CLOSE_RETRY_MS = 200;

const placeOf = (topic: string, partition: number): string => `${topic}/${partition}`;
