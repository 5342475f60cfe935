import assert from 'node:assert/strict';
import type { Application } from '../application.js';
import type { ConformanceCase } from '../conformance-case.js';

const MESSAGES = 40;

export const drainFinishesWhatRuns: ConformanceCase = {
  name: 'drain-finishes-what-runs',
  title:
    'lets running handlers finish and publish while it drains, settles them, and repeats none of them after a restart',
  async run(stage) {
    const publisher = await stage.publisher();
    const out = stage.newTopic();
    const slow = stage.gate();
    const draining: Application = await stage.published(
      () => publisher.publishNumbers(MESSAGES, (n) => `${n}`),
      () =>
        stage.open({
          publishesTo: [out],
          subscriptions: [
            {
              concurrency: 4,
              handle: async (payload): Promise<void> => {
                await slow.opened;
                await draining.publish(out, payload);
              },
            },
          ],
        }),
    );
    await draining.untilReceived(4);
    const closed = draining.close();
    await stage.until('the drain has begun', () => draining.noticesOf('drain:started').length === 1);
    slow.open();
    await closed;
    assert.equal(draining.running, 0, 'no handler is cut off');
    assert.equal(draining.noticesOf('message:retry-scheduled').length, 0, 'handlers can publish until they end');
    const handled = draining.settled;
    assert.ok(handled >= 4, `the running handlers are settled, got ${handled}`);

    // Where a broker keeps nothing, what was not begun is lost, and so is what nobody was there to read.
    if (!stage.isKept) return;
    const next = await stage.subscribe();
    await next.untilSettled(MESSAGES - handled);
    const repeated = next.numbers.filter((n) => draining.numbers.includes(n));
    assert.deepEqual(repeated, [], 'what was settled while draining does not come again');
    const reader = await stage.subscribe({ topic: out });
    await reader.untilSettled(handled);
    stage.history.assertNothingLost();
  },
};
