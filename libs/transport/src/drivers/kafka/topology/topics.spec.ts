import { ManualClock } from '../../../testing/manual-clock.js';
import { ClientFailure, type KafkaClient } from '../client/seam.js';
import { resolveKafkaOptions } from '../options.js';
import { Topics } from './topics.js';

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

/** Topics of a cluster that has no leader for `orders` until this many lookups have failed. */
function topicsWithout(leaderForLooks: number) {
  const clock = new ManualClock();
  let looks = 0;
  const describeTopics = (topics: readonly string[]) =>
    looks++ < leaderForLooks
      ? Promise.reject(new ClientFailure('other', 'no leader', { protocol: 'LEADER_NOT_AVAILABLE' }))
      : Promise.resolve(new Map(topics.map((topic) => [topic, 1])));
  const client = { describeTopics } as unknown as KafkaClient;
  const topics = new Topics(client, resolveKafkaOptions({ brokers: ['localhost:9092'] }), clock);
  const pass = async (ms: number): Promise<void> => {
    for (let passed = 0; passed < ms; passed += 200) {
      await turn();
      clock.advance(200);
    }
    await turn();
  };
  return { topics, pass, looks: () => looks };
}

test('a topic whose partition has no leader for some seconds, because its broker has just ended, is found after the election', async () => {
  const { topics, pass, looks } = topicsWithout(20);
  const ensured = topics.ensure(['orders']);
  await pass(5_000);
  await expect(ensured).resolves.toBeUndefined();
  expect(looks()).toBe(21);
});

test('a topic that gets no leader is an error that can be retried', async () => {
  const { topics, pass } = topicsWithout(Infinity);
  const refused = expect(topics.ensure(['orders'])).rejects.toMatchObject({
    code: 'TRANSPORT_BROKER_UNREACHABLE',
    retryable: true,
  });
  await pass(16_000);
  await refused;
});
