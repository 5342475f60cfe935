import { once } from 'node:events';
import { Kafka, logLevel } from 'kafkajs';
import { Scene, stopAndGoOn } from './scene.js';

const MESSAGES = 20_000;
const MAX_UNCOMMITTED = 1_000;
const brokers = (process.env['KAFKA_BROKERS'] ?? '').split(',');
const broker = {
  name: 'kafka',
  options: { brokers, maxUncommitted: MAX_UNCOMMITTED, sessionTimeoutMs: 6_000 },
} as const;

async function createTopics(...topics: string[]): Promise<void> {
  const admin = new Kafka({ brokers, logLevel: logLevel.NOTHING }).admin();
  await admin.connect();
  await admin.createTopics({ topics: topics.map((topic) => ({ topic, numPartitions: 6, replicationFactor: 1 })) });
  await admin.disconnect();
}

describe('a consumer that dies in the middle of 20,000 messages', () => {
  let scene: Scene;

  beforeEach(async () => {
    scene = new Scene(broker, MESSAGES);
    await createTopics(scene.topic, scene.deadLetterTopic);
    await scene.publishAll();
  }, 60_000);

  afterEach(() => scene.end());

  it('by SIGKILL loses nothing, keeps the order per key, and repeats at most maxUncommitted messages', async () => {
    const first = await scene.startConsumer();
    await scene.untilHandled(MESSAGES * 0.3, 30_000);
    first.kill('SIGKILL');
    await once(first, 'exit');
    const handledByFirst = scene.handled.length;
    expect(handledByFirst).toBeLessThan(MESSAGES);

    await scene.startConsumer();
    await scene.untilHandled(MESSAGES, 60_000);
    const history = scene.history();
    history.assertNothingLost();
    history.assertNoPhantom();
    history.assertOrderPerKey();
    history.assertDuplicatesAtMost(MAX_UNCOMMITTED);
  }, 120_000);

  it('by SIGTERM loses nothing, keeps the order per key, repeats nothing, and exits with 0', async () => {
    const first = await scene.startConsumer();
    await scene.untilHandled(MESSAGES * 0.3, 30_000);
    first.kill('SIGTERM');
    const [exitCode, signal] = (await once(first, 'exit')) as [number | null, string | null];
    expect([exitCode, signal]).toEqual([0, null]);
    expect(scene.handled.length).toBeLessThan(MESSAGES);

    await scene.startConsumer();
    await scene.untilHandled(MESSAGES, 60_000);
    const history = scene.history();
    history.assertNothingLost();
    history.assertNoPhantom();
    history.assertOrderPerKey();
    history.assertDuplicatesAtMost(0);
  }, 120_000);

  it('by SIGSTOP, and goes on when another member has its partitions, begins no handler of what it had', async () => {
    await stopAndGoOn(scene, 'revoked', MAX_UNCOMMITTED);
  }, 240_000);
});
