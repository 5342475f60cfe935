import { factsOf } from './facts.js';
import { resolveRabbitmqOptions, type RabbitmqOptions } from '../options.js';

const QUEUE = { topic: 'orders', group: 'stock' };
const HELD = { topic: 'orders.stock.dead-letter', group: undefined };

const factsWith = (options: Partial<RabbitmqOptions> = {}, isKept: readonly boolean[] = [true, true]) =>
  factsOf(resolveRabbitmqOptions({ url: 'amqp://user:hidden@localhost', ...options }), [QUEUE, HELD], isKept);

test('a quorum queue is on disk and elects nobody who missed messages; on how many nodes, AMQP does not tell', () => {
  const [facts] = factsWith().topics;
  expect(facts).toMatchObject({ storage: 'disk', staleElection: false, settings: { 'x-queue-type': 'quorum' } });
  expect(facts?.unknown).toContain('how many nodes');
  expect(facts).not.toHaveProperty('copies');
});

test('a classic queue is one copy', () => {
  const [facts] = factsWith({ queueType: 'classic' }).topics;
  expect(facts).toEqual({ storage: 'disk', copies: 1, settings: { 'x-queue-type': 'classic' } });
});

test('a time to live is told of the queues that have it, and not of the one that holds dead letters', () => {
  const { topics } = factsWith({ queueArguments: { 'x-message-ttl': 60_000 } });
  expect(topics[0]).toMatchObject({ keptMs: 60_000, settings: { 'x-message-ttl': 60_000 } });
  expect(topics[1]).not.toHaveProperty('keptMs');
});

test('nothing is guessed of what somebody else declared, nor of what is not there', () => {
  expect(factsWith({ provision: false }, [true, false]).topics).toEqual([
    { unknown: expect.stringContaining('provision: false') },
    undefined,
  ]);
});

test('every publish is confirmed; what is sent again after a broken connection may be there twice; no login is told', () => {
  expect(factsWith()).toMatchObject({ confirmedBy: 'all', idempotent: false });
  expect(factsWith({ republishMs: 0 })).not.toHaveProperty('idempotent');
  expect(JSON.stringify(factsWith())).not.toMatch(/hidden|localhost/);
});
