/** One member of a group, as the assigning member sees it. */
export interface GroupMember {
  readonly id: string;
  readonly topics: readonly string[];
  /** Its current partitions by topic; it keeps as many of them as is fair. */
  readonly owned: Readonly<Record<string, readonly number[]>>;
}

export type PartitionsByTopic = Record<string, number[]>;

interface Seat {
  readonly id: string;
  readonly topics: ReadonlySet<string>;
  readonly taken: Map<string, number[]>;
  load: number;
}

/**
 * Assigns partitions to the members of a group. No member gets a topic it did not subscribe to, each member keeps its partitions
 * as far as that is fair, and loads differ by at most one among members with the same topics. The result is deterministic.
 * @param partitions partition ids by topic; a missing topic does not exist
 */
export function assignPartitions(
  members: readonly GroupMember[],
  partitions: ReadonlyMap<string, readonly number[]>,
): Map<string, PartitionsByTopic> {
  const seats = [...members]
    .sort((a, b) => (a.id < b.id ? -1 : 1))
    .map(({ id, topics }): Seat => ({ id, topics: new Set(topics), taken: new Map(), load: 0 }));
  const free = keepOwned(seats, members, partitions);
  for (const { topic, partition } of free) {
    const seat = leastLoaded(seats, topic);
    if (seat !== undefined) take(seat, topic, partition);
  }
  level(seats);
  return new Map(seats.map((seat) => [seat.id, toRecord(seat.taken)]));
}

interface Place {
  readonly topic: string;
  readonly partition: number;
}

/** Assigns each owned partition to one of its owners. Returns the unowned partitions. */
function keepOwned(
  seats: readonly Seat[],
  members: readonly GroupMember[],
  partitions: ReadonlyMap<string, readonly number[]>,
): Place[] {
  const free: Place[] = [];
  const ownedBy = new Map(members.map((member) => [member.id, member.owned]));
  for (const topic of [...partitions.keys()].sort()) {
    for (const partition of [...(partitions.get(topic) ?? [])].sort((a, b) => a - b)) {
      const owner = seats.find((seat) => seat.topics.has(topic) && ownedBy.get(seat.id)?.[topic]?.includes(partition));
      if (owner === undefined) free.push({ topic, partition });
      else take(owner, topic, partition);
    }
  }
  return free;
}

/** The subscribed member with the fewest partitions in total, then of this topic. */
function leastLoaded(seats: readonly Seat[], topic: string): Seat | undefined {
  let best: Seat | undefined;
  for (const seat of seats) {
    if (!seat.topics.has(topic)) continue;
    if (best === undefined || seat.load < best.load || (seat.load === best.load && has(seat, topic) < has(best, topic)))
      best = seat;
  }
  return best;
}

/** Moves partitions from the fullest to the emptiest subscribed member until the loads are level. */
function level(seats: readonly Seat[]): void {
  for (let move = findMove(seats); move !== undefined; move = findMove(seats)) {
    const { from, to, topic } = move;
    const partition = from.taken.get(topic)?.pop() as number;
    from.load--;
    take(to, topic, partition);
  }
}

function findMove(seats: readonly Seat[]): { from: Seat; to: Seat; topic: string } | undefined {
  const byLoad = [...seats].sort((a, b) => b.load - a.load);
  for (const from of byLoad) {
    for (const to of byLoad.toReversed()) {
      if (from.load - to.load < 2) break;
      const topic = [...from.taken.keys()]
        .filter((name) => to.topics.has(name) && has(from, name) > 0)
        .sort((a, b) => has(from, b) - has(to, b) - (has(from, a) - has(to, a)) || (a < b ? -1 : 1))[0];
      if (topic !== undefined) return { from, to, topic };
    }
  }
  return undefined;
}

const has = (seat: Seat, topic: string): number => seat.taken.get(topic)?.length ?? 0;

function take(seat: Seat, topic: string, partition: number): void {
  const list = seat.taken.get(topic);
  if (list === undefined) seat.taken.set(topic, [partition]);
  else list.push(partition);
  seat.load++;
}

function toRecord(taken: ReadonlyMap<string, number[]>): PartitionsByTopic {
  const record = Object.create(null) as PartitionsByTopic;
  for (const [topic, list] of taken) if (list.length > 0) record[topic] = list.sort((a, b) => a - b);
  return record;
}
