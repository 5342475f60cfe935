import type { ClientMember, PartitionPlace, ReadPosition } from '../client/seam.js';
import { groupBy } from '../group-by.js';

/** Returns the end offsets of these partitions. Empty partitions are left out. @throws ClientFailure */
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

/** Waiters for the delivery of partitions up to their ends. */
export class EndWaiters {
  readonly #looks = new Set<() => void>();

  /** Records were delivered, or a partition moved to another member. */
  changed(): void {
    for (const look of this.#looks) look();
  }

  /** Resolves when `isOver` has returned true for each. */
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
