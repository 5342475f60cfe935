import type * as KafkaJs from 'kafkajs';
import type { ResolvedKafkaOptions } from '../../options.js';
import {
  ClientFailure,
  type ClientMember,
  type CommittedOffset,
  type MemberListener,
  type MemberPlan,
  type OffsetCommit,
  type PartitionPlace,
  type ReadPosition,
} from '../seam.js';
import { createAssigner } from './assigner.js';
import { assertKnownCluster, placeOf, TappedCluster } from './cluster.js';
import { toFailure } from './failures.js';
import { atMost, CLOSE_LIMIT_MS, newKafka, QUICK_RETRY, type OwnKafka } from './settings.js';

/** Batches that are processed concurrently: all partitions of a fetch, because a slow one must not delay the others. */
const PARTITIONS_AT_ONCE = 64;

/** Wraps kafkajs' consumer as one member of one group. When it dies, the driver creates a new one. */
export class KafkaJsMember implements ClientMember {
  readonly #options: ResolvedKafkaOptions;
  readonly #listener: MemberListener;
  readonly #plan: MemberPlan;
  readonly #own: OwnKafka;
  readonly #consumer: KafkaJs.Consumer;
  #tap: TappedCluster | undefined;
  #assigned: Record<string, number[]>;
  #started = false;
  #over = false;
  #failure: ClientFailure | undefined;
  #lastActivity = performance.now();
  #watchdog: NodeJS.Timeout | undefined;
  #left: Promise<void> | undefined;

  constructor(
    kafkajs: typeof KafkaJs,
    options: ResolvedKafkaOptions,
    clientId: string,
    plan: MemberPlan,
    listener: MemberListener,
  ) {
    this.#options = options;
    this.#plan = plan;
    this.#listener = listener;
    this.#assigned = copyOf(plan.owned);
    this.#own = newKafka(kafkajs, options, clientId, { ...QUICK_RETRY, retries: 5 });
    this.#consumer = this.#own.kafka.consumer({
      groupId: plan.group,
      partitionAssigners: [({ cluster }) => createAssigner(kafkajs, this.#tapInto(cluster), () => this.#assigned)],
      sessionTimeout: options.sessionTimeoutMs,
      rebalanceTimeout: options.rebalanceTimeoutMs,
      heartbeatInterval: options.heartbeatIntervalMs,
      metadataMaxAge: options.metadataMaxAgeMs,
      minBytes: options.minBytes,
      maxBytes: options.maxBytes,
      maxBytesPerPartition: options.maxBytesPerPartition,
      maxWaitTimeInMs: options.maxWaitMs,
      allowAutoTopicCreation: false,
      // kafkajs restarts a dead consumer in place every 300 ms and leaks listeners, so the driver creates a new one instead.
      retry: { ...QUICK_RETRY, retries: 5, restartOnFailure: () => Promise.resolve(false) },
    });
    this.#listen();
  }

  get memberId(): string | undefined {
    return this.#tap?.memberId;
  }

  get confirmedAtMs(): number {
    return this.#tap?.confirmedAtMs ?? 0;
  }

  async start(): Promise<void> {
    try {
      await this.#consumer.connect();
      // Always from the beginning: `positions` decides where a group starts, and a position that is out of range must
      // continue with the oldest record, not with the next new one.
      await this.#consumer.subscribe({ topics: [...this.#plan.topics], fromBeginning: true });
      await this.#consumer.run({
        autoCommit: false,
        eachBatchAutoResolve: false,
        partitionsConsumedConcurrently: PARTITIONS_AT_ONCE,
        eachBatch: (payload) => this.#fetched(payload),
      });
    } catch (error) {
      throw this.#failure ?? toFailure(error);
    }
    if (this.#failure !== undefined) throw this.#failure;
    // leave() was called during the join, so nothing would stop the watchdog.
    if (this.#over) return;
    this.#started = true;
    this.#watchdog = setInterval(() => this.#checkHearing(), WATCHDOG_INTERVAL_MS);
  }

  pause(topic: string, partition: number): void {
    if (!this.#over) this.#consumer.pause([{ topic, partitions: [partition] }]);
  }

  resume(topic: string, partition: number): void {
    if (!this.#over) this.#consumer.resume([{ topic, partitions: [partition] }]);
  }

  async commit(offsets: readonly OffsetCommit[]): Promise<void> {
    await this.#ask((tap) => tap.commit(offsets));
  }

  committed(topic: string, partitions: readonly number[]): Promise<CommittedOffset[]> {
    return this.#ask((tap) => tap.committed(topic, partitions));
  }

  countPartitions(topic: string): Promise<number | undefined> {
    return this.#ask(async (tap) => (await tap.partitionsOf(topic))?.length);
  }

  bounds(topic: string, partitions: readonly number[]): Promise<Map<number, { low: number; high: number }>> {
    return this.#ask((tap) => tap.bounds(topic, partitions));
  }

  ends(places: readonly PartitionPlace[]): Promise<ReadPosition[]> {
    return this.#ask((tap) => tap.ends(places));
  }

  offsetsAt(topic: string, partitions: readonly number[], momentMs: number): Promise<Map<number, number>> {
    return this.#ask((tap) => tap.offsetsAt(topic, partitions, momentMs));
  }

  leave(): Promise<void> {
    this.#left ??= this.#leave();
    return this.#left;
  }

  async #leave(): Promise<void> {
    this.#over = true;
    clearInterval(this.#watchdog);
    await atMost(CLOSE_LIMIT_MS, this.#consumer.disconnect());
    this.#own.sockets.destroyAll();
  }

  async #ask<Result>(question: (tap: TappedCluster) => Promise<Result>): Promise<Result> {
    try {
      return await question(this.#tap as TappedCluster);
    } catch (error) {
      throw toFailure(error);
    }
  }

  #tapInto(cluster: unknown): TappedCluster {
    assertKnownCluster(cluster);
    return (this.#tap = new TappedCluster(cluster, this.#plan.group, this.#plan.memberId, {
      beforeJoin: () => this.#beforeJoin(),
      positions: (committed) => this.#positions(committed),
      confirmed: () => this.#listener.confirmed(),
      joinSilenceMs: this.#options.requestTimeoutMs + this.#options.sessionTimeoutMs,
    }));
  }

  async #beforeJoin(): Promise<void> {
    // kafkajs keeps trying to join after disconnect(); this ends it.
    if (this.#over) throw Object.assign(new Error('the member has left'), { retriable: false });
    this.#lastActivity = performance.now() + this.#options.revokeWaitMs + this.#options.rebalanceTimeoutMs;
    await this.#listener.beforeJoin();
  }

  async #positions(committed: readonly CommittedOffset[]): Promise<Map<string, number>> {
    const positions = await this.#listener.positions(committed);
    return new Map(positions.map(({ topic, partition, offset }) => [placeOf(topic, partition), offset]));
  }

  #listen(): void {
    const { GROUP_JOIN, CRASH, FETCH, START_BATCH_PROCESS } = this.#consumer.events;
    this.#consumer.on(GROUP_JOIN, ({ payload }) => {
      this.#lastActivity = performance.now();
      this.#tap?.joined();
      this.#assigned = copyOf(payload.memberAssignment);
      this.#listener.joined(this.#assigned);
    });
    this.#consumer.on(FETCH, () => {
      this.#lastActivity = performance.now();
    });
    // kafkajs does not deliver a batch of only markers and aborted records; it only emits this event.
    this.#consumer.on(START_BATCH_PROCESS, ({ payload: { topic, partition, batchSize, lastOffset } }) => {
      if (batchSize === 0) this.#listener.passed({ topic, partition, offset: Number(lastOffset) + 1 });
    });
    this.#consumer.on(CRASH, ({ payload }) => this.#die(toFailure(payload.error)));
  }

  async #fetched({ batch, resolveOffset, heartbeat }: KafkaJs.EachBatchPayload): Promise<void> {
    const { topic, partition, messages: records } = batch;
    const last = records.at(-1);
    if (last === undefined) return;
    const nextOffset = Number(batch.lastOffset()) + 1;
    // kafkajs continues fetching after this offset; the watermark decides what is committed.
    resolveOffset(last.offset);
    await this.#listener.fetched({ topic, partition, records, nextOffset }, heartbeat);
  }

  /** Detects a consumer that neither fetches nor fails. kafkajs has such states, e.g. a close that waits for a response. */
  #checkHearing(): void {
    const joinFailure = this.#tap?.joinFailure;
    if (joinFailure !== undefined) return this.#die(joinFailure);
    const limitMs = this.#options.sessionTimeoutMs + this.#options.requestTimeoutMs;
    const silentMs = performance.now() - this.#lastActivity;
    if (silentMs > limitMs) {
      this.#die(new ClientFailure('timeout', `the consumer has not fetched for ${Math.round(silentMs)} ms`));
    }
  }

  #die(failure: ClientFailure): void {
    if (this.#over) return;
    this.#failure = failure;
    void this.leave();
    if (this.#started) this.#listener.died(failure);
  }
}

const WATCHDOG_INTERVAL_MS = 1_000;

const copyOf = (assignment: Readonly<Record<string, readonly number[]>>): Record<string, number[]> =>
  Object.fromEntries(Object.entries(assignment).map(([topic, partitions]) => [topic, [...partitions]]));
