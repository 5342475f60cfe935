import { ClientFailure, type TopicKeeping } from '../client/seam.js';
import { factsOf } from './facts.js';

const SAFE = { acks: 'all', idempotent: true } as const;
const query = { topic: 'orders', group: 'stock' };
const config = {
  'min.insync.replicas': '2',
  'unclean.leader.election.enable': 'false',
  'cleanup.policy': 'delete',
  'retention.ms': '604800000',
};

const topicFacts = (keeping: Partial<TopicKeeping>) =>
  factsOf(SAFE, [query], new Map([['orders', { replicas: 3, config, ...keeping }]])).topics[0];

test('the configs of a topic become facts, alongside their Kafka names', () => {
  expect(topicFacts({})).toEqual({
    storage: 'disk',
    copies: 3,
    confirmedCopies: 2,
    staleElection: false,
    keptMs: 604_800_000,
    newestOfKey: false,
    settings: {
      'replication.factor': 3,
      'min.insync.replicas': 2,
      'unclean.leader.election.enable': false,
      'cleanup.policy': 'delete',
      'retention.ms': 604_800_000,
    },
  });
});

test('what is kept for ever, or compacted, has no end', () => {
  expect(topicFacts({ config: { ...config, 'retention.ms': '-1' } })).not.toHaveProperty('keptMs');
  expect(topicFacts({ config: { ...config, 'cleanup.policy': 'compact' } })).not.toHaveProperty('keptMs');
  expect(topicFacts({ config: { ...config, 'cleanup.policy': 'compact,delete' } })).toHaveProperty('keptMs');
});

test('of a compacted topic only the newest message of a key is sure to be there', () => {
  expect(topicFacts({ config: { ...config, 'cleanup.policy': 'compact,delete' } })).toHaveProperty('newestOfKey', true);
});

test('nothing is guessed: a setting that Kafka does not tell, or that may not be read, is not there', () => {
  expect(topicFacts({ config: {} })).toEqual({ storage: 'disk', copies: 3, settings: { 'replication.factor': 3 } });
  const refused = new ClientFailure('protocol', 'not authorized', { protocol: 'TOPIC_AUTHORIZATION_FAILED' });
  expect(topicFacts({ config: refused })).toEqual({
    storage: 'disk',
    copies: 3,
    unknown: 'not authorized',
    settings: { 'replication.factor': 3 },
  });
  expect(factsOf(SAFE, [query], new Map()).topics).toEqual([undefined]);
});

test('acks decide who confirms, and the facts contain neither login nor addresses', () => {
  expect(factsOf(SAFE, [], new Map())).toMatchObject({ confirmedBy: 'all', settings: SAFE });
  const leader = { acks: 'leader', idempotent: false, sasl: { password: 'hidden' }, brokers: ['secret:1'] } as const;
  const facts = factsOf(leader, [], new Map());
  expect(facts).toMatchObject({ confirmedBy: 'one', idempotent: false });
  expect(JSON.stringify(facts)).not.toMatch(/hidden|secret:1/);
});

test('a cluster of one broker cannot keep two copies: a start does not warn of that', () => {
  const inherentWith = (...servers: (number | undefined)[]) =>
    factsOf(SAFE, [query], new Map(servers.map((each, index) => [`${index}`, { replicas: 1, config, servers: each }])))
      .inherent;
  expect(inherentWith(1, 1)).toEqual(['one-copy']);
  expect(inherentWith(3)).toBeUndefined();
  expect(inherentWith(1, undefined)).toBeUndefined();
  expect(inherentWith()).toBeUndefined();
});
