import assert from 'node:assert/strict';
import { circuitBreaker } from '../../../consuming/index.js';
import type { ConformanceCase } from '../conformance-case.js';

const MESSAGES = 10;
const KEYS = 3;
const PAUSE_MS = 300;
/** Partitions with different leaders deliver their messages one after the other, so the first ones fail alone for a while. */
const ATTEMPTS = 100;
const DELAY_MS = 10;
/** Clocks are read in whole milliseconds. */
const ROUNDING_MS = 2;

export const aBreakerWaitsForWhatAllNeed: ConformanceCase = {
  name: 'a-breaker-waits-for-what-all-need',
  title: 'pauses when many keys fail in the same way, starts no handler meanwhile, and handles all after the fix',
  capability: 'redelivery',
  async run(stage) {
    const publisher = await stage.publisher();
    let pausedAt: number | undefined;
    const subscriber = await stage.subscribe({
      concurrency: 1,
      policies: [circuitBreaker({ minKeys: KEYS, openMs: PAUSE_MS })],
      retry: { maxAttempts: ATTEMPTS, initialDelayMs: DELAY_MS, maxDelayMs: DELAY_MS },
      handle: () => {
        if (subscriber.noticesOf('subscription:paused').length > 0) return;
        pausedAt = performance.now();
        throw new Error('the database is away');
      },
    });
    await publisher.publishNumbers(MESSAGES, (n) => `${n}`);
    await subscriber.untilSettled(MESSAGES);

    const [told] = subscriber.noticesOf('subscription:paused');
    assert.match(told?.reason ?? 'no pause is told', /the database is away/);
    const next = subscriber.received.find(({ at }) => at > (pausedAt ?? 0));
    const restedMs = (next?.at ?? 0) - (pausedAt ?? 0);
    assert.ok(restedMs >= PAUSE_MS - ROUNDING_MS, `a handler began ${restedMs} ms after the pause, not ${PAUSE_MS}`);
    assert.equal(subscriber.noticesOf('message:dead-lettered').length, 0, 'no message pays for what all of them need');
    assert.equal(subscriber.noticesOf('subscription:resumed').length, 1);
  },
};
