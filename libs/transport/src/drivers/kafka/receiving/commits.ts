import type { Clock } from '../../../contract/index.js';
import type { ClientFailure, OffsetCommit } from '../client/seam.js';
import { MAX_METADATA_BYTES } from './commit-metadata.js';
import { isStale } from '../mapping.js';
import type { PartitionIntake } from './partition-intake.js';
import type { CommitSnapshot } from './partition-ledger.js';

export interface CommitSettings {
  readonly clock: Clock;
  readonly intervalMs: number;
  /** Tries one commit. @throws ClientFailure */
  readonly commit: (offsets: readonly OffsetCommit[]) => Promise<void>;
  /** Called after each successful commit. */
  readonly committed: () => void;
  /** Called when commits start to fail; `recovered` when they work again. */
  readonly failed: (failure: ClientFailure) => void;
  readonly recovered: () => void;
}

/**
 * Commits the progress of all intakes of one member: at most once per interval, at once when an intake asks for it, and with one
 * request at a time.
 */
export class Commits {
  readonly #settings: CommitSettings;
  readonly #dirty = new Set<PartitionIntake>();
  #maxMetadataBytes = MAX_METADATA_BYTES;
  #callOff: (() => void) | undefined;
  #running: Promise<boolean> | undefined;
  #soon = false;
  #suspended = false;
  #failing = false;
  #lastFailure: ClientFailure | undefined;

  constructor(settings: CommitSettings) {
    this.#settings = settings;
  }

  /** Why the last commit failed; undefined when it succeeded. */
  get lastFailure(): ClientFailure | undefined {
    return this.#lastFailure;
  }

  touched(intake: PartitionIntake, now: boolean): void {
    this.#dirty.add(intake);
    if (now) this.#startSoon();
    else this.#schedule();
  }

  /** Drops an intake. Commits may have failed only because of its partition, for example after its topic was deleted. */
  forget(intake: PartitionIntake): void {
    this.#dirty.delete(intake);
    if (this.#dirty.size === 0) this.#recover();
  }

  /** Stops commits until `resume`, because between two generations the owner of a partition is unknown. */
  suspend(): void {
    this.#suspended = true;
    this.#stopTimer();
  }

  resume(): void {
    this.#suspended = false;
    if (this.#dirty.size > 0) this.#schedule();
  }

  /** Commits what is due and waits for it. Returns false when the commit failed. */
  async flush(): Promise<boolean> {
    await this.#running;
    if (this.#dirty.size === 0) return true;
    return this.#start();
  }

  close(): void {
    this.suspend();
    this.#dirty.clear();
  }

  #schedule(): void {
    if (this.#suspended || this.#callOff !== undefined || this.#running !== undefined) return;
    this.#callOff = this.#settings.clock.schedule(this.#settings.intervalMs, () => {
      this.#callOff = undefined;
      void this.#start();
    });
  }

  /** Starts in a microtask, because a batch asks once for each of its messages. */
  #startSoon(): void {
    if (this.#soon || this.#suspended) return;
    this.#soon = true;
    if (this.#running === undefined) queueMicrotask(() => this.#startIfWanted());
  }

  #startIfWanted(): void {
    if (!this.#soon || this.#running !== undefined) return;
    this.#soon = false;
    if (!this.#suspended) void this.#start();
  }

  #start(): Promise<boolean> {
    this.#running ??= this.#run().finally(() => {
      this.#running = undefined;
      // After a failure the next try waits for the interval.
      if (this.#failing) this.#soon = false;
      this.#startIfWanted();
      if (this.#dirty.size > 0) this.#schedule();
    });
    return this.#running;
  }

  async #run(): Promise<boolean> {
    this.#stopTimer();
    const taken = [...this.#dirty].map((intake) => [intake, intake.snapshot(this.#maxMetadataBytes)] as const);
    this.#dirty.clear();
    if (taken.length === 0) return true;
    try {
      await this.#settings.commit(taken.map(offsetCommit));
    } catch (error) {
      this.#notTaken(taken, error as ClientFailure);
      return false;
    }
    this.#lastFailure = undefined;
    for (const [intake, snapshot] of taken) intake.committed(snapshot);
    this.#settings.committed();
    this.#recover();
    return true;
  }

  #recover(): void {
    if (this.#failing) this.#settings.recovered();
    this.#failing = false;
  }

  #notTaken(taken: readonly (readonly [PartitionIntake, CommitSnapshot])[], failure: ClientFailure): void {
    this.#lastFailure = failure;
    // A broker with a smaller offset.metadata.max.bytes than Kafka's own.
    if (failure.protocol === 'OFFSET_METADATA_TOO_LARGE')
      this.#maxMetadataBytes = Math.floor(this.#maxMetadataBytes / 2);
    for (const [intake] of taken) intake.notCommitted();
    // A stale commit is not reported: the member rejoins and then knows which partitions it still owns.
    if (isStale(failure) || this.#failing) return;
    this.#failing = true;
    this.#settings.failed(failure);
  }

  #stopTimer(): void {
    this.#callOff?.();
    this.#callOff = undefined;
  }
}

const offsetCommit = ([intake, { offset, metadata }]: readonly [PartitionIntake, CommitSnapshot]): OffsetCommit => ({
  topic: intake.topic,
  partition: intake.partition,
  offset,
  metadata,
});
