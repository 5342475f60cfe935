import { Kafka, logLevel } from 'kafkajs';
import { uniqueName } from '../../tools/brokers/names.mjs';
import { crashLoop } from './crash-loop.js';

const MESSAGES = 500;
const KILLER = '123';
const MAX_ATTEMPTS = 3;
const brokers = (process.env['KAFKA_BROKERS'] ?? '').split(',');
const broker = {
  name: 'kafka',
  options: { brokers, sessionTimeoutMs: 1_500, heartbeatIntervalMs: 300, rebalanceTimeoutMs: 3_000 },
} as const;

describe('a message whose handler ends its process', () => {
  it('alone becomes a dead letter, after about maxAttempts restarts, and all others are handled', async () => {
    const topic = uniqueName('killer');
    const admin = new Kafka({ brokers, logLevel: logLevel.NOTHING }).admin();
    await admin.connect();
    const topics = [topic, `${topic}.killer-test.dead-letter`].map((name) => ({ topic: name, numPartitions: 3 }));
    await admin.createTopics({ topics });
    await admin.disconnect();
    const { deaths, handled, deadLettered } = await crashLoop(broker, {
      topic,
      messages: MESSAGES,
      killer: KILLER,
      limitMs: 150_000,
    });
    expect(deadLettered).toEqual([KILLER]);
    expect(handled.size).toBe(MESSAGES - 1);
    expect(deaths).toBeLessThanOrEqual(MAX_ATTEMPTS + 3);
  }, 180_000);
});
