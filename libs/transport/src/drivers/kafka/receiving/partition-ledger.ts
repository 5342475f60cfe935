import { ACK, type Settlement } from '../../../contract/index.js';
import { encodeCommitState, type CommitState } from './commit-metadata.js';
import type { KafkaDelivery } from './delivery.js';
import type { Exposure } from './exposure.js';
import { Watermark } from './watermark.js';

/** The content of a commit. With `headSequence` the watermark knows what it covers. */
export interface CommitSnapshot {
  readonly offset: number;
  readonly headSequence: number;
  readonly metadata: string;
  readonly openings: number;
  /** Messages that it covers, including those behind an unsettled one. */
  readonly done: number;
}

/** A message that is done and will be redelivered. */
export interface LostSettlement {
  readonly offset: number;
  readonly settlement: Settlement;
}

/**
 * Records what is done in one partition and what a crash would repeat: the watermark, the attempts and done runs for the commit
 * metadata, and the partition's part of the group's exposure.
 */
export class PartitionLedger {
  readonly #watermark: Watermark<KafkaDelivery>;
  readonly #exposure: Exposure;
  readonly #maxUncommitted: number;
  /** Number of the next attempt, by offset, of messages that failed. */
  readonly #attempts: Map<number, number>;
  /** Runs of offsets that a previous owner has done, lowest first. */
  readonly #doneBefore: (readonly [first: number, last: number])[];
  readonly #partitions: number | undefined;
  readonly #start: number;
  /** Written into each commit until the partition makes progress or is closed cleanly. */
  #openings: number;
  /** The value in the last commit. */
  #committedOpenings: number;
  #isLeft = false;
  #hasCommitted = false;
  readonly #suspicion: number;
  readonly #suspectEnd: number;
  #lowestCommit: number | undefined;
  /** This partition's part of the group's exposure: with handlers or done, and done. */
  #exposed = 0;
  #done = 0;
  /** Offsets of done and uncommitted messages, in the order of their settlements. */
  readonly #uncommitted: number[] = [];
  readonly #rejected = new Map<number, Settlement>();

  /**
   * @param start the committed offset; undefined when the group has none
   * @param known the committed state, including this opening
   * @param mostBegun messages that a member may have started after the last one that is known to be done
   */
  constructor(
    start: number | undefined,
    known: CommitState,
    exposure: Exposure,
    maxUncommitted: number,
    mostBegun: number,
  ) {
    this.#watermark = new Watermark(start ?? 0);
    this.#lowestCommit = start;
    this.#attempts = new Map(known.attempts);
    this.#doneBefore = [...known.done];
    this.#partitions = known.partitions;
    this.#start = start ?? 0;
    this.#openings = known.openings;
    this.#committedOpenings = known.openings;
    this.#suspicion = Math.max(0, known.openings - 1);
    this.#suspectEnd = Math.max(this.#start, known.done.at(-1)?.[1] ?? 0) + mostBegun;
    this.#exposure = exposure;
    this.#maxUncommitted = maxUncommitted;
  }

  /** The lowest unsettled offset. */
  get headOffset(): number {
    return this.#watermark.headOffset;
  }

  /** Messages that are done and wait for the one at the head. */
  get doneBeyondHead(): number {
    return this.#watermark.doneBeyondHead;
  }

  /** Messages by which the next commit would move the offset. */
  get committable(): number {
    return this.#watermark.committable;
  }

  get hasSomethingToCommit(): boolean {
    return this.#watermark.committable > 0 || this.#done > 0;
  }

  /** Whether so much is done that the commit should not wait for its interval. */
  get isCommitDue(): boolean {
    return this.#watermark.committable * 2 >= this.#maxUncommitted || this.#exposure.isCommitDue;
  }

  /** How many more messages may be delivered before a commit. */
  get room(): number {
    return Math.min(this.#maxUncommitted - this.#watermark.uncommitted, this.#exposure.room);
  }

  unsettled(): KafkaDelivery[] {
    return this.#watermark.unsettled();
  }

  /** Whether this state is still valid, given the committed offset on the broker. */
  agreesWith(committed: number | undefined): boolean {
    if (committed === undefined) return !this.#hasCommitted;
    return committed >= (this.#lowestCommit ?? 0) && committed <= this.#watermark.headOffset;
  }

  /** The next record has been read. Returns its sequence number. */
  add(offset: number): number {
    return this.#watermark.add(offset);
  }

  /** Whether a previous owner has done it. Offsets must increase between calls, because lower runs are dropped. */
  wasDone(offset: number): boolean {
    while (this.#doneBefore.length > 0) {
      const [first, last] = this.#doneBefore[0] as readonly [number, number];
      if (offset < first) return false;
      if (offset <= last) return true;
      this.#doneBefore.shift();
    }
    return false;
  }

  /** Counts a delivery. Returns the attempt number: 1, unless a previous owner saw it fail; then it counts as parked. */
  handOver(offset: number): number {
    const attempt = this.#attempts.size > 0 ? this.#attempts.get(offset) : undefined;
    if (attempt !== undefined) return attempt;
    this.#exposed++;
    this.#exposure.handedOver();
    return 1;
  }

  hold(sequence: number, delivery: KafkaDelivery): void {
    this.#watermark.hold(sequence, delivery);
  }

  /** Everything up to this position was read, including records that the broker left out. */
  passTo(position: number): void {
    this.#watermark.passTo(position);
  }

  /** Skips a message that a previous owner has done. */
  passOver(sequence: number): void {
    this.#watermark.settle(sequence);
  }

  settle(sequence: number, settlement: Settlement): void {
    const offset = this.#watermark.offsetOf(sequence);
    this.#uncommitted.push(offset);
    if (settlement.kind !== 'ack') this.#rejected.set(offset, settlement);
    const wasParked = this.#attempts.size > 0 && this.#attempts.delete(offset);
    if (wasParked) this.#exposed++;
    this.#done++;
    this.#exposure.settled(wasParked);
    this.#watermark.settle(sequence);
  }

  /** Records that a message waits for another attempt, which the commit metadata includes. */
  park(sequence: number, nextAttempt: number): void {
    const offset = this.#watermark.offsetOf(sequence);
    if (!this.#attempts.has(offset)) {
      this.#exposed--;
      this.#exposure.parked();
    }
    this.#attempts.set(offset, nextAttempt);
  }

  /** How many members in a row crashed while one of their handlers may have had this message. */
  suspicionOf(offset: number): number {
    return this.#suspicion > 0 && offset < this.#suspectEnd ? this.#suspicion : 0;
  }

  /** No handler runs, and none starts before `taken`. Returns whether that has to be committed. */
  leave(): boolean {
    this.#isLeft = true;
    return this.#committedOpenings > 0;
  }

  taken(): void {
    this.#isLeft = false;
  }

  /** Returns what to commit now. */
  snapshot(maxMetadataBytes: number): CommitSnapshot {
    const { headOffset: offset, headSequence } = this.#watermark;
    const isFurther = offset > this.#start && (this.#suspicion < 2 || offset >= this.#suspectEnd);
    if (isFurther) this.#openings = 0;
    const openings = this.#isLeft ? 0 : this.#openings;
    const state = { partitions: this.#partitions, openings, attempts: this.#attempts, done: this.#doneAbove() };
    const metadata = encodeCommitState(offset, state, maxMetadataBytes);
    return { offset, headSequence, metadata, openings, done: this.#done };
  }

  committed({ offset, headSequence, openings, done }: CommitSnapshot): void {
    this.#committedOpenings = openings;
    this.#hasCommitted = true;
    this.#watermark.committedUpTo(headSequence);
    this.#lowestCommit = Math.max(this.#lowestCommit ?? 0, offset);
    this.#exposed -= done;
    this.#done -= done;
    for (const safe of this.#uncommitted.splice(0, done)) this.#rejected.delete(safe);
    this.#exposure.committed(done);
  }

  /** The partition moved to another member. Removes it from the exposure and returns the uncommitted settlements. */
  close(): LostSettlement[] {
    this.#exposure.forget(this.#exposed, this.#done);
    return this.#uncommitted.map((offset) => ({ offset, settlement: this.#rejected.get(offset) ?? ACK }));
  }

  /** Runs done here, and runs done by previous owners that have not been read yet. */
  #doneAbove(): (readonly [number, number])[] {
    const here = this.#watermark.doneRanges();
    const next = this.#watermark.nextOffset;
    const unread = this.#doneBefore.filter(([, last]) => last >= next);
    return [...here, ...unread.map(([first, last]) => [Math.max(first, next), last] as const)];
  }
}
