import { factsOf } from './facts.js';
import { resolveRabbitmqOptions, type RabbitmqOptions } from '../options.js';

const QUEUE = { topic: 'orders', group: 'stock' };
const HELD = { topic: 'orders.stock.dead-letter', group: undefined };

const factsWith = (options: Partial<RabbitmqOptions> = {}, isKept: readonly boolean[] = [true, true]) =>
  factsOf(resolveRabbitmqOptions({ url: 'amqp://user:hidden@localhost', ...options }), [QUEUE, HELD], isKept);

test('a quorum queue is on disk and elects no stale leader; AMQP does not report on how many nodes it is', () => {
  const [facts] = factsWith().topics;
  expect(facts).toMatchObject({ storage: 'disk', staleElection: false, settings: { 'x-queue-type': 'quorum' } });
  expect(facts?.unknown).toContain('how many nodes');
  expect(facts).not.toHaveProperty('copies');
});

test('a classic queue is one copy', () => {
  const [facts] = factsWith({ queueType: 'classic' }).topics;
  expect(facts).toEqual({ storage: 'disk', copies: 1, settings: { 'x-queue-type': 'classic' } });
});

test('a TTL is reported for the queues that have it, and not for the one that holds dead letters', () => {
  const { topics } = factsWith({ queueArguments: { 'x-message-ttl': 60_000 } });
  expect(topics[0]).toMatchObject({ keptMs: 60_000, settings: { 'x-message-ttl': 60_000 } });
  expect(topics[1]).not.toHaveProperty('keptMs');
});

test('nothing is assumed about a queue that was declared elsewhere or does not exist', () => {
  expect(factsWith({ provision: false }, [true, false]).topics).toEqual([
    { unknown: expect.stringContaining('provision: false') },
    undefined,
  ]);
});

test('every publish is confirmed; a resend after a lost connection may duplicate it; the facts contain no login', () => {
  expect(factsWith()).toMatchObject({ confirmedBy: 'all', idempotent: false });
  expect(factsWith({ republishMs: 0 })).not.toHaveProperty('idempotent');
  expect(JSON.stringify(factsWith())).not.toMatch(/hidden|localhost/);
});
