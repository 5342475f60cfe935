import { assignPartitions, type GroupMember, type PartitionsByTopic } from './assignment.js';

const member = (id: string, topics: string[], owned: PartitionsByTopic = {}): GroupMember => ({ id, topics, owned });
const topics = (counts: Record<string, number>): Map<string, number[]> =>
  new Map(Object.entries(counts).map(([topic, count]) => [topic, Array.from({ length: count }, (_, id) => id)]));
const loads = (assignment: Map<string, PartitionsByTopic>): number[] =>
  [...assignment.values()].map((owned) => Object.values(owned).flat().length);

describe('sharing partitions', () => {
  it('assigns every partition to one member, and loads differ by at most one', () => {
    const assignment = assignPartitions(
      ['a', 'b', 'c'].map((id) => member(id, ['x', 'y'])),
      topics({ x: 7, y: 3 }),
    );
    const all = [...assignment.values()].flatMap((owned) =>
      Object.entries(owned).flatMap(([topic, ids]) => ids.map((id) => `${topic}${id}`)),
    );
    expect(all.sort()).toEqual([...[0, 1, 2, 3, 4, 5, 6].map((id) => `x${id}`), ...[0, 1, 2].map((id) => `y${id}`)]);
    expect(loads(assignment).sort()).toEqual([3, 3, 4]);
  });

  it('assigns no member a topic it did not subscribe to', () => {
    const assignment = assignPartitions([member('old', ['x']), member('new', ['x', 'y'])], topics({ x: 4, y: 4 }));
    expect(Object.keys(assignment.get('old') ?? {})).toEqual(['x']);
    expect(loads(assignment)).toEqual([4, 4]);
    expect(assignment.get('new')?.['y']).toEqual([0, 1, 2, 3]);
  });

  it('leaves each member its partitions, as far as that is fair', () => {
    const owned = { a: { x: [0, 1, 2, 3] }, b: { x: [4, 5] } };
    const assignment = assignPartitions(
      [member('a', ['x'], owned.a), member('b', ['x'], owned.b), member('c', ['x'])],
      topics({ x: 6 }),
    );
    expect(assignment.get('a')?.['x']).toEqual([0, 1]);
    expect(assignment.get('b')?.['x']).toEqual([4, 5]);
    expect(assignment.get('c')?.['x']).toEqual([2, 3]);
  });

  it('moves nothing when nothing needs to move', () => {
    const owned = { a: { x: [5, 1] }, b: { x: [0, 3] }, c: { x: [2, 4] } };
    const members = Object.entries(owned).map(([id, has]) => member(id, ['x'], has));
    const assignment = assignPartitions(members, topics({ x: 6 }));
    expect([...assignment.values()].map(({ x }) => x)).toEqual([
      [1, 5],
      [0, 3],
      [2, 4],
    ]);
  });

  it('lets two members who claim the same have it once, and ignores claims to what does not exist', () => {
    const claim = { x: [0, 1, 9], gone: [0] };
    const assignment = assignPartitions([member('a', ['x'], claim), member('b', ['x'], claim)], topics({ x: 2 }));
    expect([...assignment.values()].map(({ x }) => x)).toEqual([[0], [1]]);
  });

  it('spreads the partitions of each topic, not only their sum', () => {
    const assignment = assignPartitions([member('a', ['x', 'y']), member('b', ['x', 'y'])], topics({ x: 2, y: 2 }));
    for (const owned of assignment.values())
      expect(owned).toEqual({ x: [expect.any(Number)], y: [expect.any(Number)] });
  });

  it('gives the same answer whatever the order of the members', () => {
    const members = ['c', 'a', 'b'].map((id) => member(id, ['x']));
    const one = assignPartitions(members, topics({ x: 5 }));
    const other = assignPartitions([...members].reverse(), topics({ x: 5 }));
    expect(other).toEqual(one);
  });

  it('ignores a topic without subscribers', () => {
    expect(loads(assignPartitions([member('a', ['x'])], topics({ y: 3 })))).toEqual([0]);
  });
});
