import { once } from 'node:events';
import { connect } from 'amqplib';
import { endAndReplace, Scene, stopAndGoOn } from './scene.js';

const MESSAGES = 20_000;
/** What a consumer has in hand at most: the default of `maxInFlight`. */
const MAX_IN_FLIGHT = 256;
const url = process.env['RABBITMQ_URL'] ?? '';
const broker = { name: 'rabbitmq', options: { url, heartbeatMs: 1_000 } } as const;

/** Without a queue nobody would ever get what is published, so a service has to have been there once. */
async function foundQueue(scene: Scene): Promise<void> {
  const founder = await scene.startConsumer();
  founder.kill('SIGTERM');
  await once(founder, 'exit');
}

async function removeQueues({ topic, deadLetterTopic }: Scene): Promise<void> {
  const connection = await connect(url);
  const channel = await connection.createChannel();
  for (const queue of [`crash-test:${topic}`, `held:${deadLetterTopic}`]) await channel.deleteQueue(queue);
  await connection.close();
}

describe('a consumer that dies in the middle of 20,000 messages', () => {
  let scene: Scene;

  beforeEach(async () => {
    scene = new Scene(broker, MESSAGES);
    await foundQueue(scene);
    await scene.publishAll();
  }, 60_000);

  afterEach(async () => {
    await scene.end();
    await removeQueues(scene);
  });

  it('by SIGKILL loses nothing and repeats at most maxInFlight messages', async () => {
    await endAndReplace(scene, 'SIGKILL', { messages: MESSAGES, repeatsAtMost: MAX_IN_FLIGHT });
  }, 120_000);

  it('by SIGTERM loses nothing, repeats nothing, and exits with 0', async () => {
    await endAndReplace(scene, 'SIGTERM', { messages: MESSAGES, repeatsAtMost: 0 });
  }, 120_000);

  it('by SIGSTOP, and goes on when another member has its messages, begins no handler of what it had', async () => {
    await stopAndGoOn(scene, 'unreachable', MAX_IN_FLIGHT);
  }, 240_000);
});
