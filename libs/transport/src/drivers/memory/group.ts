import type { StartFrom } from '../../contract/index.js';
import { GroupPartition } from './group-partition.js';
import type { MemoryMember } from './member.js';
import type { PartitionLog } from './partition-log.js';

/** A group: remembers what it has handled, and shares the partitions among its members. It outlives them. */
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

  /** Resolves when the member has been given everything of its partitions that is there now. */
  async untilEnd(member: MemoryMember): Promise<void> {
    await Promise.all(this.#partitions.map((partition) => partition.untilEnd(member)));
  }

  /** How many messages could be delivered to the member now, of the partitions that it has; undefined where none is to come. */
  waitingFor(member: MemoryMember): number | undefined {
    return sumOfKnown(this.#partitions.map((partition) => partition.waitingFor(member)));
  }

  /** Hands over nothing more to this member; what it has can still be settled. */
  pause(member: MemoryMember): void {
    for (const partition of this.#partitions) partition.pause(member);
  }

  /** Takes back what the member has not settled; the others get it at once. */
  leave(member: MemoryMember): void {
    const index = this.#members.indexOf(member);
    if (index === -1) return;
    this.#members.splice(index, 1);
    for (const partition of this.#partitions) partition.takeBack(member);
    member.sink.revoked();
    this.#share();
  }

  /** The group is no more: nothing is kept for it. */
  end(): void {
    for (const partition of this.#partitions) partition.stopReading();
  }

  /**
   * There is something to deliver. n.b. by setImmediate and not a microtask: handlers that publish to their own topic
   * would otherwise keep timers and sockets from ever being served.
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
