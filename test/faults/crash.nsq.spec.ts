import { endAndReplace, Scene, stopAndGoOn } from './scene.js';

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
    await endAndReplace(scene, 'SIGKILL', { messages: MESSAGES, repeatsAtMost: MAX_IN_FLIGHT });
  }, 120_000);

  it('by SIGTERM loses nothing, repeats nothing, and exits with 0', async () => {
    await endAndReplace(scene, 'SIGTERM', { messages: MESSAGES, repeatsAtMost: 0 });
  }, 120_000);

  it('by SIGSTOP, and goes on when another member has its messages, begins no handler of what it had', async () => {
    await stopAndGoOn(scene, 'crashed', MAX_IN_FLIGHT);
  }, 240_000);
});
