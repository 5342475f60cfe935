import type { ClientMember, PartitionPlace, ReadPosition } from '../client/seam.js';
import { groupBy } from '../publishing/group-by.js';

/** Asks where these partitions end; those that hold nothing are left out. @throws ClientFailure */
export async function endsOf(
  member: ClientMember,
  places: readonly PartitionPlace[],
): Promise<readonly ReadPosition[]> {
  const ends: ReadPosition[] = [];
  for (const [topic, ofTopic] of groupBy(places, (place) => place.topic)) {
    const partitions = ofTopic.map(({ partition }) => partition);
    for (const [partition, { low, high }] of await member.bounds(topic, partitions)) {
      if (low < high) ends.push({ topic, partition, offset: high });
    }
  }
  return ends;
}

/** Those who wait until partitions are handed over to their ends. */
export class EndWaiters {
  readonly #looks = new Set<() => void>();

  /** Something was handed over, or a partition went to somebody else. */
  changed(): void {
    for (const look of this.#looks) look();
  }

  /** Resolves when `isOver` has said so of each. */
  until(ends: readonly ReadPosition[], isOver: (end: ReadPosition) => boolean): Promise<void> {
    let open = ends;
    return new Promise((resolve) => {
      const look = (): void => {
        open = open.filter((end) => !isOver(end));
        if (open.length > 0) return;
        this.#looks.delete(look);
        resolve();
      };
      this.#looks.add(look);
      look();
    });
  }
}
