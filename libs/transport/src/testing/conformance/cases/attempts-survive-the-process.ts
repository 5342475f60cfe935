import assert from 'node:assert/strict';
import { RetryAfter } from '../../../consuming/index.js';
import type { ConformanceCase } from '../conformance-case.js';
import { LONGER_THAN_THE_PROCESS_MS } from '../retries.js';

export const attemptsSurviveTheProcess: ConformanceCase = {
  name: 'attempts-survive-the-process',
  title: 'goes on counting attempts where the process before it stopped',
  capability: 'attempts',
  async run(stage) {
    const publisher = await stage.publisher();
    await publisher.publish(stage.topic, { n: 0 }, { key: 'a' });
    const first = await stage.subscribe({
      handle: (_, { attempt }) => {
        throw new RetryAfter(attempt === 1 ? 1 : LONGER_THAN_THE_PROCESS_MS);
      },
    });
    await stage.until('attempt 2 has failed', () => first.noticesOf('message:retry-scheduled').length === 2);
    await first.close();
    const failed = Math.max(...first.received.map(({ attempt }) => attempt));

    const second = await stage.subscribe();
    await second.untilSettled(1);
    assert.equal(
      second.received[0]?.attempt,
      failed + 1,
      `${failed} attempts failed before, so this one is number ${failed + 1}`,
    );
  },
};
