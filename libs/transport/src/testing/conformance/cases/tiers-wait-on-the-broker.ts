import assert from 'node:assert/strict';
import type { RetryOptions } from '../../../consuming/index.js';
import type { ConformanceCase } from '../conformance-case.js';
import { alwaysFail, LONGER_THAN_THE_PROCESS_MS } from '../retries.js';

const WAIT_MS = 300;
/** Timers may fire a little early by the clock that measures them. */
const CLOCK_SLACK_MS = 5;

/** Two attempts, a long wait, two more. */
const inTwoTiers = (waitMs: number): RetryOptions => ({
  ...{ maxAttempts: 2, initialDelayMs: 1, maxDelayMs: 1 },
  redeliveryDelaysMs: [waitMs],
});

export const tiersWaitOnTheBroker: ConformanceCase = {
  name: 'tiers-wait-on-the-broker',
  title:
    'gives a failed message back to the broker between tiers of attempts, for whoever is there when it comes again',
  capability: 'delayedRedelivery',
  ask: (stage) => stage.subscribe({ ordering: 'none', retry: { redeliveryDelaysMs: [WAIT_MS] } }),
  async run(stage) {
    const publisher = await stage.publisher();
    const first = await stage.subscribe({ ordering: 'none', retry: inTwoTiers(WAIT_MS), handle: alwaysFail });
    await publisher.publish(stage.topic, { n: 0 }, { key: 'a' });
    await first.untilSettled(1);
    assert.deepEqual(
      first.received.map(({ attempt }) => attempt),
      [1, 2, 3, 4],
      'two attempts in each of two tiers',
    );
    const [, second, third] = first.received.map(({ at }) => at) as [number, number, number, number];
    const waitedMs = third - second;
    assert.ok(waitedMs >= WAIT_MS - CLOCK_SLACK_MS, `attempt 3 came after ${waitedMs} ms, not ${WAIT_MS}`);
    assert.equal(first.noticesOf('message:dead-lettered')[0]?.attempt, 4, 'it is a dead letter after attempt 4');
    await first.close();

    const retry = inTwoTiers(LONGER_THAN_THE_PROCESS_MS);
    const gone = await stage.subscribe({ ordering: 'none', retry, handle: alwaysFail });
    await publisher.publish(stage.topic, { n: 1 }, { key: 'a' });
    await stage.until('a tier has failed', () => gone.noticesOf('message:retry-scheduled').length === 2);
    await gone.close();
    const next = await stage.subscribe({ ordering: 'none', retry, handle: alwaysFail });
    await next.untilSettled(1);
    assert.deepEqual(
      next.received.map(({ attempt }) => attempt),
      [3, 4],
      'another process goes on with the second tier',
    );
  },
};
