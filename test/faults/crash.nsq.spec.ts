import { once } from 'node:events';
import { Scene, stopAndGoOn } from './scene.js';

const MESSAGES = 20_000;
/** What a consumer has in hand at most: the default of `maxInFlight`. */
const MAX_IN_FLIGHT = 256;
const nsqd = (process.env['NSQD_TCP'] ?? '').split(',');
const broker = { name: 'nsq', options: { nsqd, messageTimeoutMs: 3_000, heartbeatIntervalMs: 1_000 } } as const;

describe('a consumer that dies in the middle of 20,000 messages', () => {
  let scene: Scene;

  beforeEach(async () => {
    scene = new Scene(broker, MESSAGES);
    await scene.publishAll();
  }, 60_000);

  afterEach(() => scene.end());

  it('by SIGKILL loses nothing and repeats at most maxInFlight messages, once messageTimeoutMs is over', async () => {
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
    await stopAndGoOn(scene, 'crashed', MAX_IN_FLIGHT);
  }, 240_000);
});
