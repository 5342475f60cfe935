import { coreFacts, streamFacts, type StreamKeeping } from './facts.js';

const query = { topic: 'orders', group: 'stock' };
// n.b. NATS's own words and units; the client's enumerations are loaded on first use only.
const KEPT = {
  storage: 'file',
  num_replicas: 3,
  retention: 'limits',
  max_age: 0,
  max_msgs: -1,
  max_bytes: -1,
  discard: 'old',
} as StreamKeeping;

const factsOf = (...streams: Partial<StreamKeeping>[]) =>
  streamFacts([query], new Map([['orders', streams.map((stream) => ({ ...KEPT, ...stream }))]]), true).topics[0];

test('what JetStream says of a stream becomes facts, with its own names beside them', () => {
  expect(factsOf({ max_age: 3_600_000_000_000 })).toEqual({
    storage: 'disk',
    copies: 3,
    confirmedCopies: 2,
    staleElection: false,
    keptMs: 3_600_000,
    settings: { ...KEPT, max_age: 3_600_000_000_000 },
  });
});

test.each([
  [1, 1],
  [2, 2],
  [3, 2],
  [4, 3],
  [5, 3],
])('of %i replicas %i have a message before it is confirmed', (copies, confirmedCopies) => {
  expect(factsOf({ num_replicas: copies })).toMatchObject({ copies, confirmedCopies });
});

test('what has no max_age is kept without end, and memory is no disk', () => {
  expect(factsOf({})).not.toHaveProperty('keptMs');
  expect(factsOf({ storage: 'memory' as StreamKeeping['storage'] })).toMatchObject({ storage: 'memory' });
});

test('a pattern that meets several streams is as safe as the weakest of them', () => {
  const memory = 'memory' as StreamKeeping['storage'];
  expect(factsOf({ max_age: 2e9 }, { num_replicas: 1 }, { storage: memory, max_age: 5e9 })).toMatchObject({
    storage: 'memory',
    copies: 1,
    confirmedCopies: 1,
    keptMs: 2_000,
    settings: { num_replicas: 1 },
  });
});

test('there is one answer per question, in their order, and none for a topic without a stream', () => {
  const queries = ['a', 'b', 'a'].map((topic) => ({ topic, group: undefined }));
  const known = new Map([
    ['a', [KEPT]],
    ['b', []],
  ]);
  const { confirmedBy, topics } = streamFacts(queries, known, true);
  expect(confirmedBy).toBe('all');
  expect(topics.map((topic) => topic?.copies)).toEqual([3, undefined, 3]);
  expect(streamFacts([query], new Map(), true).topics).toEqual([undefined]);
});

test('core NATS stores nothing and confirms nothing', () => {
  expect(coreFacts([query, query])).toMatchObject({
    confirmedBy: 'none',
    topics: [{ storage: 'nowhere' }, { storage: 'nowhere' }],
  });
});

test('a server without a cluster cannot keep two copies: a start does not warn of that', () => {
  expect(streamFacts([query], new Map(), false).inherent).toEqual(['one-copy']);
  expect(streamFacts([query], new Map(), true).inherent).toBeUndefined();
});
