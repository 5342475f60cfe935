import { Kafka, logLevel } from 'kafkajs';
import { endAndReplace, Scene, stopAndGoOn } from './scene.js';

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
    await endAndReplace(scene, 'SIGKILL', { messages: MESSAGES, keepsOrder: true, repeatsAtMost: MAX_UNCOMMITTED });
  }, 120_000);

  it('by SIGTERM loses nothing, keeps the order per key, repeats nothing, and exits with 0', async () => {
    await endAndReplace(scene, 'SIGTERM', { messages: MESSAGES, keepsOrder: true, repeatsAtMost: 0 });
  }, 120_000);

  it('by SIGSTOP, and goes on when another member has its partitions, begins no handler of what it had', async () => {
    await stopAndGoOn(scene, 'revoked', MAX_UNCOMMITTED);
  }, 240_000);
});
