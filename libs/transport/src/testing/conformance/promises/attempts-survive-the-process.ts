import assert from 'node:assert/strict';
import { RetryAfter } from '../../../consuming/index.js';
import type { ConformancePromise } from '../promise.js';

export const attemptsSurviveTheProcess: ConformancePromise = {
  name: 'attempts-survive-the-process',
  title: 'goes on counting attempts where the process before it stopped',
  capability: 'attempts',
  async run(stage) {
    const publisher = await stage.publisher();
    await publisher.publish(stage.topic, { n: 0 }, { key: 'a' });
    const first = await stage.subscribe({
      handle: (_, { attempt }) => {
        throw new RetryAfter(attempt === 1 ? 1 : 60_000);
      },
    });
    await stage.until('attempt 2 has failed', () => first.noticesOf('message:retried').length === 2);
    await first.close();

    const second = await stage.subscribe();
    await second.untilSettled(1);
    assert.equal(second.received[0]?.attempt, 3, 'two attempts failed before, so this one is the third');
  },
};
