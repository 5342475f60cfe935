import type { StartFrom } from '../../contract/index.js';
import { GroupPartition } from './group-partition.js';
import type { MemoryMember } from './member.js';
import type { PartitionLog } from './partition-log.js';

/** A group. It keeps its progress and assigns the partitions to its members. It outlives them. */
export class MemoryGroup {
  readonly #partitions: readonly GroupPartition[];
  readonly #members: MemoryMember[] = [];
  #awake = false;

  constructor(name: string, logs: readonly PartitionLog[], startFrom: StartFrom, warn: (warning: string) => void) {
    this.#partitions = logs.map((log) => new GroupPartition(name, log, log.placeOf(startFrom, warn)));
  }

  /** Messages of the group that are neither settled nor forgotten. */
  get unsettled(): number {
    return this.#partitions.reduce((sum, partition) => sum + partition.unsettled, 0);
  }

  join(member: MemoryMember): void {
    this.#members.push(member);
    this.#share();
  }

  /** Resolves when the member has received everything that its partitions hold now. */
  async untilEnd(member: MemoryMember): Promise<void> {
    await Promise.all(this.#partitions.map((partition) => partition.untilEnd(member)));
  }

  /** Counts the messages of the member's partitions that could be delivered now. Undefined when none may be delivered. */
  waitingFor(member: MemoryMember): number | undefined {
    return sumOfKnown(this.#partitions.map((partition) => partition.waitingFor(member)));
  }

  /** Delivers nothing more to this member. Its unsettled messages can still be settled. */
  pause(member: MemoryMember): void {
    for (const partition of this.#partitions) partition.pause(member);
  }

  /** Revokes the unsettled messages of the member. The other members receive them at once. */
  leave(member: MemoryMember): void {
    const index = this.#members.indexOf(member);
    if (index === -1) return;
    this.#members.splice(index, 1);
    for (const partition of this.#partitions) partition.takeBack(member);
    member.sink.revoked();
    this.#share();
  }

  /** Ends the group, so that no message is retained for it. */
  end(): void {
    for (const partition of this.#partitions) partition.stopReading();
  }

  /**
   * Schedules a delivery. It uses setImmediate and not a microtask, because handlers that publish to their own topic would
   * otherwise starve timers and sockets.
   */
  wake(): void {
    if (this.#awake || this.#members.length === 0) return;
    this.#awake = true;
    setImmediate(() => {
      this.#awake = false;
      for (const partition of this.#partitions) partition.deliver();
    });
  }

  #share(): void {
    this.#partitions.forEach((partition, index) => partition.assign(this.#members[index % this.#members.length]));
    for (const { sink } of this.#members) sink.revoked();
    this.wake();
  }
}

/** undefined when none is known. */
export function sumOfKnown(counts: readonly (number | undefined)[]): number | undefined {
  return counts.reduce((sum, count) => (count === undefined ? sum : (sum ?? 0) + count), undefined);
}
