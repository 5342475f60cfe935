import assert from 'node:assert/strict';
import { RetryAfter } from '../../../consuming/index.js';
import type { ConformanceCase } from '../conformance-case.js';

const MESSAGES = 60;

export const otherKeysGoOn: ConformanceCase = {
  name: 'other-keys-go-on',
  title:
    'goes on with other keys while a failed message waits for its next attempt, even where more wait than may be in flight',
  capability: 'redelivery',
  ask: (stage) => stage.subscribe({ retry: { maxAttempts: 5 } }),
  async run(stage) {
    const publisher = await stage.publisher();
    const subscriber = await stage.subscribe({
      concurrency: 2,
      maxInFlight: 4,
      handle: (_, { key }) => {
        if (key?.startsWith('bad')) throw new RetryAfter(3_600_000);
      },
    });
    const bad = 6;
    await publisher.publishNumbers(MESSAGES, (n) => (n < bad ? `bad ${n}` : `good ${n}`));
    await subscriber.untilSettled(MESSAGES - bad);
    assert.equal(subscriber.noticesOf('message:retry-scheduled').length, bad, 'the failed ones still wait');
  },
};
