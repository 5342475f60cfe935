import { once } from 'node:events';
import { connect } from 'amqplib';
import { Scene, stopAndGoOn } from './scene.js';

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
    const first = await scene.startConsumer();
    await scene.untilHandled(MESSAGES * 0.3, 30_000);
    first.kill('SIGKILL');
    await once(first, 'exit');
    expect(scene.handled.length).toBeLessThan(MESSAGES);

    await scene.startConsumer();
    await scene.untilHandled(MESSAGES, 60_000);
    const history = scene.history();
    history.assertNothingLost();
    history.assertNoPhantom();
    history.assertDuplicatesAtMost(MAX_IN_FLIGHT);
  }, 120_000);

  it('by SIGTERM loses nothing, repeats nothing, and exits with 0', async () => {
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
    history.assertDuplicatesAtMost(0);
  }, 120_000);

  it('by SIGSTOP, and goes on when another member has its messages, begins no handler of what it had', async () => {
    await stopAndGoOn(scene, 'unreachable', MAX_IN_FLIGHT);
  }, 240_000);
});
