import { once } from 'node:events';
import { jetstreamManager } from '@nats-io/jetstream';
import { connect } from '@nats-io/transport-node';
import { endAndReplace, Scene } from './scene.js';

const MESSAGES = 20_000;
/** What a consumer has in hand at most: the default of `maxInFlight`. */
const MAX_IN_FLIGHT = 256;
const servers = [process.env['NATS_URL'] ?? ''];
const broker = { name: 'nats', options: { servers, provision: {}, ackWaitMs: 3_000 } } as const;

async function removeStreams(prefix: string): Promise<void> {
  const connection = await connect({ servers });
  const { streams } = await jetstreamManager(connection);
  for (const subject of [prefix, `${prefix}.>`]) {
    for await (const name of streams.names(subject)) await streams.delete(name);
  }
  await connection.close();
}

describe('a consumer that dies in the middle of 20,000 messages', () => {
  let scene: Scene;

  beforeEach(async () => {
    scene = new Scene(broker, MESSAGES);
    await scene.publishAll();
  }, 60_000);

  afterEach(async () => {
    await scene.end();
    await removeStreams(scene.topic);
  });

  it('by SIGKILL loses nothing and repeats at most maxInFlight messages, once ackWaitMs is over', async () => {
    await endAndReplace(scene, 'SIGKILL', { messages: MESSAGES, repeatsAtMost: MAX_IN_FLIGHT });
  }, 120_000);

  it('by SIGTERM loses nothing, keeps the order per key, repeats nothing, and exits with 0', async () => {
    await endAndReplace(scene, 'SIGTERM', { messages: MESSAGES, keepsOrder: true, repeatsAtMost: 0 });
  }, 120_000);
});

describe('one active consumer of several', () => {
  it('that is stopped (SIGSTOP) and goes on when the next is active begins no handler of what it had', async () => {
    const options = { ...broker.options, singleActiveConsumer: true };
    const scene = new Scene({ name: 'nats', options }, MESSAGES);
    await scene.publishAll();
    try {
      const first = await scene.startConsumer();
      await scene.untilHandled(MESSAGES * 0.1, 30_000);
      first.kill('SIGSTOP');
      expect(scene.handled.length).toBeLessThan(MESSAGES);
      await scene.startConsumer();
      await scene.untilHandled(MESSAGES, 60_000);
      const { begun } = scene;
      const resumed = once(first.stdout as NodeJS.ReadableStream, 'data');
      first.kill('SIGCONT');
      await resumed;
      // n.b. the signal may stop it between the check and the first line of one handler.
      expect(scene.begun - begun).toBeLessThanOrEqual(1);
      const history = scene.history();
      history.assertNothingLost();
      history.assertDuplicatesAtMost(MAX_IN_FLIGHT);
    } finally {
      await scene.end();
      await removeStreams(scene.topic);
    }
  }, 120_000);

  it('that dies by SIGKILL is followed by the next, with nothing lost and the order of every key kept', async () => {
    const options = { ...broker.options, singleActiveConsumer: true };
    const scene = new Scene({ name: 'nats', options }, MESSAGES);
    await scene.publishAll();
    try {
      const first = await scene.startConsumer();
      await scene.startConsumer();
      await scene.untilHandled(MESSAGES * 0.3, 30_000);
      first.kill('SIGKILL');
      await once(first, 'exit');
      await scene.untilHandled(MESSAGES, 60_000);
      const history = scene.history();
      history.assertNothingLost();
      history.assertNoPhantom();
      history.assertOrderPerKey();
      history.assertDuplicatesAtMost(MAX_IN_FLIGHT);
    } finally {
      await scene.end();
      await removeStreams(scene.topic);
    }
  }, 120_000);
});
