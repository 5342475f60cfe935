import assert from 'node:assert/strict';
import type { ConformanceCase } from '../conformance-case.js';
import { QUICK_RETRY } from '../retries.js';

const MESSAGES = 30;
/** What handlers throw in real life. */
const THROWN: readonly unknown[] = [new Error('error'), 'text', undefined, null, new RangeError('fatal-looking')];

export const redeliversAfterFailure: ConformanceCase = {
  name: 'redelivers-after-failure',
  title: 'delivers a message again when its handler failed, whatever the handler threw',
  capability: 'redelivery',
  ask: (stage) => stage.subscribe({ retry: { maxAttempts: 5 } }),
  async run(stage) {
    const publisher = await stage.publisher();
    const failTwice = (payload: unknown, { attempt }: { readonly attempt: number }): void => {
      const { n } = payload as { n: number };
      if (attempt <= 2) throw THROWN[n % THROWN.length];
    };
    const subscriber = await stage.subscribe({ retry: QUICK_RETRY, handle: failTwice });
    await publisher.publishNumbers(MESSAGES, (n) => `${n % 6}`);
    await subscriber.untilSettled(MESSAGES);

    stage.history.assertNothingLost();
    assert.equal(subscriber.noticesOf('message:acked').length, MESSAGES, 'every message is handled in the end');
    assert.equal(subscriber.received.length, MESSAGES * 3, 'every message is tried three times, no more');
    assert.equal(subscriber.noticesOf('message:retry-scheduled').length, MESSAGES * 2, 'every failure is told');
  },
};
