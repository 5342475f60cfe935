import assert from 'node:assert/strict';
import { RetryAfter } from '../../../consuming/index.js';
import type { ConformancePromise } from '../promise.js';

const DELAY_MS = 120;
/** Timers may fire a little early by the clock that measures them. */
const CLOCK_SLACK_MS = 5;

export const attemptsAreCountedAndDelayed: ConformancePromise = {
  name: 'attempts-are-counted-and-delayed',
  title: 'counts attempts from 1, waits as long as it was asked to, and stops at maxAttempts',
  capability: 'redelivery',
  ask: (stage) => stage.subscribe({ retry: { maxAttempts: 5 } }),
  async run(stage) {
    const publisher = await stage.publisher();
    const subscriber = await stage.subscribe({
      retry: { maxAttempts: 3 },
      handle: () => {
        throw new RetryAfter(DELAY_MS);
      },
    });
    await publisher.publish(stage.topic, { n: 0 }, { key: 'a' });
    await subscriber.untilSettled(1);

    const attempts = subscriber.received.map(({ attempt }) => attempt);
    assert.deepEqual(attempts, [1, 2, 3], 'attempts are 1, 2, 3, and the third is the last');
    const ids = new Set(subscriber.received.map(({ id }) => id));
    assert.equal(ids.size, 1, 'the id stays the same on every attempt');
    for (const [index, { at }] of subscriber.received.entries()) {
      const before = subscriber.received[index - 1];
      if (before === undefined) continue;
      const waited = at - before.at;
      assert.ok(waited >= DELAY_MS - CLOCK_SLACK_MS, `attempt ${index + 1} came after ${waited} ms, not ${DELAY_MS}`);
    }
    assert.equal(subscriber.noticesOf('message:dead-lettered')[0]?.attempt, 3, 'it is a dead letter after attempt 3');
  },
};
