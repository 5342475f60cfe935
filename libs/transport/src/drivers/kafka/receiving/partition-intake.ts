import {
  settlementFailed,
  type Clock,
  type DeliverySink,
  type Notices,
  type Settlement,
  type Subscription,
} from '../../../contract/index.js';
import { ClientFailure, type FetchedBatch, type FetchedRecord } from '../client/seam.js';
import type { CommitState } from './commit-metadata.js';
import { KafkaDelivery, type DeliveryOwner } from './delivery.js';
import type { Exposure } from './exposure.js';
import { PartitionLedger, type CommitSnapshot, type LostSettlement } from './partition-ledger.js';

/** Deliveries per call of the sink. Fewer live deliveries mean less garbage collection. */
const CHUNK = 256;

const NOT_COMMITTED = new Error('The partition moved to another member before the offset was committed.');

export interface IntakeSettings {
  readonly broker: string;
  readonly subscription: Subscription;
  readonly sink: DeliverySink;
  readonly partition: number;
  readonly maxUncommitted: number;
  /** Shared by all intakes of a group. */
  readonly exposure: Exposure;
  readonly clock: Clock;
  readonly notices: Notices;
}

/** What an intake needs from its group. */
export interface IntakeOwner {
  pause(intake: PartitionIntake): void;
  resume(intake: PartitionIntake): void;
  /** Returns false when another member may own the partition; then messages without a running handler are recalled. */
  mayBegin(): boolean;
  /** Resolves when a commit of everything due has succeeded or failed. */
  commitNow(): Promise<unknown>;
  /** A commit is due; `now` when it should not wait for the interval. */
  touched(intake: PartitionIntake, now: boolean): void;
  /** The sink received more, or there is nothing more to deliver. */
  moved(): void;
}

/**
 * One assigned partition: receives fetched records and delivers them to the sink of the subscription in chunks. The ledger records
 * what is done.
 *
 * ```
 * fetched -> #pending -> sink.receive(chunk) -> handlers -> settled -> ledger -> commit
 *            pauses the      waits while            at most maxUncommitted between
 *            partition       the sink is full       the commit and the last delivered
 * ```
 * It lives as long as the partition stays with this process, across rebalances and client restarts.
 */
export class PartitionIntake implements DeliveryOwner {
  readonly topic: string;
  readonly group: string;
  readonly partition: number;
  readonly #settings: IntakeSettings;
  readonly #owner: IntakeOwner;
  readonly #ledger: PartitionLedger;
  readonly #timers = new Set<() => void>();
  /** Fetched and not delivered; `#pendingAt` is the next one. */
  #pending: readonly FetchedRecord[] = [];
  #pendingAt = 0;
  /** Where reading continues; undefined while nothing has been read and the group has no offset. */
  #position: number | undefined;
  /** Recalled from the sink, to be delivered again; lowest first. */
  #again: KafkaDelivery[] = [];
  #receiving = false;
  #held = false;
  #over = false;
  #blocked = false;
  #stalled = false;
  #touched = false;
  #paused = false;
  #waiters: (() => void)[] = [];

  /** @param start the committed offset; undefined when the group has none */
  constructor(settings: IntakeSettings, owner: IntakeOwner, start: number | undefined, known: CommitState) {
    this.topic = settings.subscription.topic;
    this.group = settings.subscription.group;
    this.partition = settings.partition;
    this.#settings = settings;
    this.#owner = owner;
    const { exposure, maxUncommitted, subscription } = settings;
    this.#ledger = new PartitionLedger(start, known, exposure, maxUncommitted, subscription.maxInFlight + CHUNK);
    this.#position = start;
  }

  get position(): number | undefined {
    return this.#position;
  }

  get isStalled(): boolean {
    return this.#stalled;
  }

  get isPaused(): boolean {
    return this.#paused;
  }

  /** The lowest unsettled offset. */
  get unsettledOffset(): string {
    return String(this.#ledger.headOffset);
  }

  /** Deliveries with the sink. */
  get unsettled(): number {
    return this.#ledger.unsettled().filter(({ state }) => state !== 'revoked').length;
  }

  get running(): number {
    return this.#ledger.unsettled().filter(({ state }) => state === 'running').length;
  }

  /** Whether this state is still valid, given the committed offset on the broker. */
  agreesWith(committed: number | undefined): boolean {
    return this.#ledger.agreesWith(committed);
  }

  /** Adds a fetched batch. */
  take(batch: FetchedBatch): void {
    if (this.#over) return;
    const records = this.#unseen(batch.records);
    this.#position = Math.max(this.#position ?? 0, batch.nextOffset);
    this.#pending = this.#left === 0 ? records : [...this.#pending.slice(this.#pendingAt), ...records];
    this.#pendingAt = 0;
    this.#pump();
  }

  /** No record is left before this offset. */
  pass(offset: number): void {
    this.#position = Math.max(this.#position ?? 0, offset);
    this.#owner.moved();
  }

  /** Whether the sink has received everything before this offset and accepts more. */
  hasHandedOver(end: number): boolean {
    return this.#next >= end && this.#again.length === 0 && !this.#receiving;
  }

  /**
   * Counts the records before this offset that the sink has not received; undefined while the driver holds them back on purpose.
   * A pause of the client is not such a reason, because a pause without end must be noticed.
   */
  waitingBefore(end: number): number | undefined {
    if (this.#receiving || this.#blocked || this.#over) return undefined;
    return Math.max(0, end - this.#next);
  }

  /** Nothing is delivered until `release`. */
  get isHeld(): boolean {
    return this.#held;
  }

  /** The sink asks to wait. */
  get isSinkFull(): boolean {
    return this.#receiving;
  }

  /** Offset of the next record to deliver. */
  get #next(): number {
    const first = this.#pending[this.#pendingAt];
    return first === undefined ? (this.#position ?? 0) : Number(first.offset);
  }

  /** Whether so few records wait here that the next fetch is worthwhile. */
  get isCaughtUp(): boolean {
    return this.#held || this.#over || this.#left <= CHUNK;
  }

  /** Resolves when the intake has caught up. */
  caughtUp(): Promise<void> {
    return this.isCaughtUp ? Promise.resolve() : new Promise((resolve) => this.#waiters.push(resolve));
  }

  /** Reading stops until the intake has caught up. */
  pause(): void {
    if (this.#paused || this.#over) return;
    this.#paused = true;
    this.#owner.pause(this);
  }

  /** Stops delivering until `release`. */
  hold(): void {
    this.#held = true;
    this.#tellWaiters();
  }

  /**
   * Recalls queued and parked messages, so that no handler starts. After `release` they are delivered again, not before their
   * retry is due.
   */
  recall(): void {
    this.hold();
    const idle = this.#ledger.unsettled().filter(({ state }) => state === 'queued' || state === 'parked');
    if (idle.length === 0) return;
    for (const delivery of idle) delivery.revoke();
    const before = new Set(this.#again);
    this.#again = [...this.#again, ...idle.filter((delivery) => !before.has(delivery))].sort(
      (a, b) => a.sequence - b.sequence,
    );
    this.#settings.sink.revoked();
  }

  release(): void {
    this.#held = false;
    this.#ledger.taken();
    this.#pump();
  }

  /** Records a clean close if no handler runs, so that the next owner need not suspect a message. */
  leave(): void {
    if (!this.#over && this.running === 0 && this.#ledger.leave()) this.#touch(false);
  }

  /**
   * The partition moved to another member, so nothing is settled any more. Returns how many messages were with the sink.
   * @param failure why the last commit failed
   */
  revoke(failure: unknown): number {
    const unsettled = this.#ledger.unsettled();
    const count = this.unsettled;
    this.#over = true;
    const lost = this.#ledger.close();
    if (!isTopicGone(failure)) for (const each of lost) this.#tellLost(each, failure);
    for (const callOff of this.#timers) callOff();
    for (const delivery of unsettled) delivery.revoke();
    this.#pending = [];
    this.#pendingAt = 0;
    this.#again = [];
    this.#tellWaiters();
    if (unsettled.length > 0) this.#settings.sink.revoked();
    return count;
  }

  /** The message itself is no longer in memory, so its position is its id. */
  #tellLost({ offset, settlement }: LostSettlement, failure: unknown): void {
    const { topic, group, partition } = this;
    const id = `${topic}/${partition}/${offset}`;
    settlementFailed(
      this.#settings,
      { topic, group, id, key: undefined, attempt: 1 },
      settlement,
      failure ?? NOT_COMMITTED,
    );
  }

  suspicionOf(offset: string): number {
    return this.#ledger.suspicionOf(Number(offset));
  }

  /** Commits the number of the next attempt before this one starts, so that it counts even if it crashes the process. */
  async recordStart(sequence: number, nextAttempt: number): Promise<void> {
    if (this.#over) return;
    this.#ledger.park(sequence, nextAttempt);
    this.#touch(false);
    await this.#owner.commitNow();
  }

  mayBegin(): boolean {
    return !this.#over && this.#owner.mayBegin();
  }

  settled(sequence: number, settlement: Settlement): void {
    if (this.#over) return;
    if (settlement.kind === 'nack') return this.#handOverLater(sequence, settlement.delayMs);
    this.#ledger.settle(sequence, settlement);
    if (this.#blocked || this.#stalled) this.#checkStall();
    this.#touch(this.#ledger.isCommitDue || (this.#blocked && this.#ledger.committable > 0));
  }

  parked(sequence: number, nextAttempt: number): void {
    if (this.#over) return;
    this.#ledger.park(sequence, nextAttempt);
    this.#touch(false);
    // It was running when the others were recalled. In a microtask, because the runner has not parked it yet.
    if (this.#held) queueMicrotask(() => this.#recallAgain());
  }

  #recallAgain(): void {
    if (this.#held && !this.#over) this.recall();
  }

  /** Returns what to commit now. Later changes are due for the next commit. */
  snapshot(maxMetadataBytes: number): CommitSnapshot {
    this.#touched = false;
    return this.#ledger.snapshot(maxMetadataBytes);
  }

  committed(snapshot: CommitSnapshot): void {
    if (!this.#over) this.#ledger.committed(snapshot);
  }

  /** Commits have made room, here or in another partition. */
  goOn(): void {
    if (this.#blocked && !this.#over) this.#pump();
  }

  /** The commit failed and is due again. */
  notCommitted(): void {
    this.#touch(false);
  }

  get #left(): number {
    return this.#pending.length - this.#pendingAt;
  }

  #touch(now: boolean): void {
    // A commit may fail after the partition has moved to another member.
    if (this.#over || (this.#touched && !now)) return;
    this.#touched = true;
    this.#owner.touched(this, now);
  }

  /** Drops known records: a fetch that was in flight during a rebalance returns some of them twice. */
  #unseen(records: readonly FetchedRecord[]): readonly FetchedRecord[] {
    const position = this.#position ?? 0;
    const first = records[0];
    if (first === undefined || Number(first.offset) >= position) return records;
    return records.filter(({ offset }) => Number(offset) >= position);
  }

  /** Delivers as much as the sink and `maxUncommitted` allow. */
  #pump(): void {
    while (!this.#receiving && !this.#held && !this.#over && this.#hasMore) {
      const deliveries = this.#nextChunk();
      if (deliveries.length === 0) {
        if (this.#blocked) break;
        continue;
      }
      const waiting = this.#settings.sink.receive(deliveries);
      if (waiting !== undefined) this.#waitFor(waiting);
    }
    if (this.isCaughtUp) this.#catchUp();
    this.#owner.moved();
  }

  get #hasMore(): boolean {
    return this.#again.length > 0 || this.#left > 0;
  }

  #waitFor(sink: Promise<void>): void {
    this.#receiving = true;
    const goOn = (): void => {
      this.#receiving = false;
      this.#owner.moved();
      this.#pump();
    };
    // By contract it never rejects. A sink that does must not stop the partition.
    void sink.then(goOn, goOn);
  }

  #nextChunk(): KafkaDelivery[] {
    return this.#again.length > 0 ? this.#takeAgain() : this.#takePending();
  }

  /** A recalled delivery is over, so its record is delivered in a new one. */
  #takeAgain(): KafkaDelivery[] {
    return this.#again.splice(0, CHUNK).map(({ raw, sequence, attempt, notBeforeMs }) => {
      const delivery = this.#deliver(raw, sequence, attempt);
      delivery.notBeforeMs = notBeforeMs;
      return delivery;
    });
  }

  #takePending(): KafkaDelivery[] {
    const { maxInFlight } = this.#settings.subscription;
    const { room } = this.#ledger;
    this.#setBlocked(room <= 0);
    const deliveries: KafkaDelivery[] = [];
    const end = Math.min(this.#pending.length, this.#pendingAt + Math.min(room, maxInFlight, CHUNK));
    while (this.#pendingAt < end) {
      const record = this.#pending[this.#pendingAt++] as FetchedRecord;
      const offset = Number(record.offset);
      const sequence = this.#ledger.add(offset);
      if (this.#ledger.wasDone(offset)) this.#passOver(sequence);
      else deliveries.push(this.#deliver(record, sequence, this.#ledger.handOver(offset)));
    }
    if (this.#left === 0) this.#ledger.passTo(this.#position ?? 0);
    return deliveries;
  }

  #deliver(record: FetchedRecord, sequence: number, attempt: number): KafkaDelivery {
    const delivery = new KafkaDelivery(this, record, sequence, attempt);
    this.#ledger.hold(sequence, delivery);
    return delivery;
  }

  #passOver(sequence: number): void {
    this.#ledger.passOver(sequence);
    this.#touch(false);
  }

  #handOverLater(sequence: number, delayMs: number): void {
    const delivery = this.#ledger.unsettled().find((candidate) => candidate.sequence === sequence);
    if (delivery === undefined) return;
    delivery.attempt++;
    this.parked(sequence, delivery.attempt);
    const callOff = this.#settings.clock.schedule(delayMs, () => {
      this.#timers.delete(callOff);
      this.#again.push(delivery);
      this.#pump();
    });
    this.#timers.add(callOff);
  }

  #setBlocked(blocked: boolean): void {
    this.#blocked = blocked;
    // The next commit makes room, if there is anything to commit.
    if (blocked && this.#ledger.hasSomethingToCommit) this.#touch(true);
    this.#checkStall();
  }

  /** The partition is stalled when half of `maxUncommitted` is done and waits for one message. */
  #checkStall(): void {
    const waitsForOne = this.#ledger.doneBeyondHead * 2 >= this.#settings.maxUncommitted;
    const stalled = waitsForOne && (this.#blocked || this.#stalled);
    if (stalled !== this.#stalled) this.#tellStall(stalled);
  }

  #tellStall(stalled: boolean): void {
    this.#stalled = stalled;
    const { broker, notices, maxUncommitted } = this.#settings;
    const { topic, group, partition } = this;
    if (!stalled) return notices.emit('partition:unstalled', { broker, topic, group, partition });
    const reason = `offset ${this.unsettledOffset} is not settled, and ${this.#ledger.doneBeyondHead} messages after it are done. At most maxUncommitted (${maxUncommitted}) messages may wait behind it`;
    notices.emit('partition:stalled', {
      broker,
      topic,
      group,
      partition,
      unsettledOffset: this.unsettledOffset,
      reason,
    });
  }

  #catchUp(): void {
    if (this.#paused && !this.#held && !this.#over) {
      this.#paused = false;
      this.#owner.resume(this);
    }
    this.#tellWaiters();
  }

  #tellWaiters(): void {
    const waiters = this.#waiters;
    this.#waiters = [];
    for (const tell of waiters) tell();
  }
}

/** Nothing of a deleted topic is redelivered. A commit for several topics fails for the deleted one and succeeds for the others. */
const isTopicGone = (failure: unknown): boolean =>
  failure instanceof ClientFailure && failure.protocol === 'UNKNOWN_TOPIC_OR_PARTITION';
