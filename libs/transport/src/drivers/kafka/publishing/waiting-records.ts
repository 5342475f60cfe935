import type { Clock } from '../../../contract/index.js';
import { ClientFailure, type ClientMember, type ReadPosition } from '../client/seam.js';
import type { PartitionIntake } from '../receiving/partition-intake.js';
import { within } from '../../kit/waits.js';

/** How long the brokers may take to return end offsets. */
const ANSWER_LIMIT_MS = 3_000;
/** Pause after an authorization error. */
const REFUSED_PAUSE_MS = 60_000;

/** Counts the records that the brokers hold for one member and its sinks have not received; see `Consumption.waiting`. */
export class WaitingRecords {
  readonly #clock: Clock;
  #notBeforeMs = 0;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Returns the counts by topic. Topics with unknown ends, or with a full sink, are left out. Never rejects. */
  async count(member: ClientMember, intakes: readonly PartitionIntake[]): Promise<ReadonlyMap<string, number>> {
    const counts = new Map<string, number>();
    for (const { topic, partition, offset } of await this.#ends(member, intakes)) {
      const intake = intakes.find((each) => each.topic === topic && each.partition === partition);
      const waiting = intake?.waitingBefore(offset);
      if (waiting !== undefined) counts.set(topic, (counts.get(topic) ?? 0) + waiting);
    }
    // All partitions of a topic share one sink.
    for (const { topic, isSinkFull } of intakes) if (isSinkFull) counts.delete(topic);
    return counts;
  }

  async #ends(member: ClientMember, intakes: readonly PartitionIntake[]): Promise<readonly ReadPosition[]> {
    if (intakes.length === 0 || this.#clock.monotonicMs() < this.#notBeforeMs) return [];
    let ends: readonly ReadPosition[] = [];
    const asking = member.ends(intakes).then(
      (answer) => void (ends = answer),
      (error: unknown) => this.#refused(error),
    );
    await within(this.#clock, ANSWER_LIMIT_MS, asking);
    return ends;
  }

  #refused(error: unknown): void {
    const isForbidden = error instanceof ClientFailure && error.protocol?.endsWith('_AUTHORIZATION_FAILED') === true;
    if (isForbidden) this.#notBeforeMs = this.#clock.monotonicMs() + REFUSED_PAUSE_MS;
  }
}
