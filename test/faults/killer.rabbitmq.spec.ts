import { connect } from 'amqplib';
import { uniqueName } from '../../tools/brokers/names.mjs';
import { crashLoop } from './crash-loop.js';

const MESSAGES = 500;
const KILLER = '123';
const MAX_ATTEMPTS = 3;
/** Everything that was in flight is delivered as often: with each process about half of the others get their end. */
const HALVINGS = 14;
const url = process.env['RABBITMQ_URL'] ?? '';

describe('a message whose handler ends its process', () => {
  const topic = uniqueName('killer');
  afterAll(async () => {
    const connection = await connect(url);
    const channel = await connection.createChannel();
    for (const queue of [`killer-test:${topic}`, `held:${topic}.killer-test.dead-letter`]) {
      await channel.deleteQueue(queue);
    }
    await connection.close();
  });

  it('alone becomes a dead letter, although everything that was in flight was delivered as often, and all others are handled', async () => {
    const broker = { name: 'rabbitmq', options: { url } } as const;
    const limits = { messages: MESSAGES, killer: KILLER, limitMs: 400_000 };
    const { deaths, handled, deadLettered } = await crashLoop(broker, { topic, ...limits });
    expect(deadLettered).toEqual([KILLER]);
    expect(handled.size).toBe(MESSAGES - 1);
    expect(deaths).toBeLessThanOrEqual(MAX_ATTEMPTS + HALVINGS);
  }, 450_000);
});
