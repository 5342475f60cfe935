import { NsqdAdmin } from 'nest-transport/nsq/client';
import { uniqueName } from '../../tools/brokers/names.mjs';
import { crashLoop } from './crash-loop.js';

const MESSAGES = 200;
const KILLER = '123';
const MAX_ATTEMPTS = 3;
/** Everything that was in flight is delivered as often: with each process about half of the others get their end. */
const HALVINGS = 14;
const nsqd = (process.env['NSQD_TCP'] ?? '').split(',');
const admins = (process.env['NSQD_HTTP'] ?? '').split(',').map((http) => new NsqdAdmin(`http://${http}`));

describe('a message whose handler ends its process', () => {
  const topic = uniqueName('killer');
  afterAll(async () => {
    for (const admin of admins)
      for (const { topic_name } of await admin.stats()) {
        if (topic_name.startsWith(topic)) await admin.deleteTopic(topic_name);
      }
  });

  it('alone becomes a dead letter, although everything that was in flight was delivered as often, and all others are handled', async () => {
    const broker = { name: 'nsq', options: { nsqd, messageTimeoutMs: 1_000 } } as const;
    const limits = { messages: MESSAGES, killer: KILLER, limitMs: 150_000 };
    const { deaths, handled, deadLettered } = await crashLoop(broker, { topic, ...limits });
    expect(deadLettered).toEqual([KILLER]);
    expect(handled.size).toBe(MESSAGES - 1);
    expect(deaths).toBeLessThanOrEqual(MAX_ATTEMPTS + HALVINGS);
  }, 180_000);
});
