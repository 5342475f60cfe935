import assert from 'node:assert/strict';
import type { ConformanceCase } from '../conformance-case.js';

const WAIT_MS = 1_500;
/** What a broker's own timer may be early by, when clocks are read on two sides. */
const CLOCK_SLACK_MS = 20;

export const aMessageCanWait: ConformanceCase = {
  name: 'a-message-can-wait',
  title:
    'delivers a message that is published for later not before its time, though its publisher is closed, and others at once',
  capability: 'delayedPublish',
  ask: async (stage) => (await stage.publisher()).publish(stage.topic, { n: 0 }, { deliverAfterMs: WAIT_MS }),
  async run(stage) {
    const publisher = await stage.open();
    const subscriber = await stage.subscribe();
    const publishedAt = performance.now();
    await publisher.publish(
      stage.topic,
      { n: 0 },
      { deliverAfterMs: WAIT_MS, key: 'a', headers: { 'tenant-id': 'acme' } },
    );
    await publisher.publish(stage.topic, { n: 1 }, { key: 'b' });
    await publisher.publish(stage.topic, { n: 2 }, { key: 'c', deliverAt: new Date(0) });
    await publisher.close();
    await subscriber.untilSettled(3);

    assert.deepEqual([...subscriber.numbers.slice(0, 2)].sort(), [1, 2], 'what is not for later comes at once');
    const [late] = subscriber.received.slice(2);
    assert.ok(late, 'what was published for later comes');
    const waitedMs = late.at - publishedAt;
    assert.ok(waitedMs >= WAIT_MS - CLOCK_SLACK_MS, `it came after ${Math.round(waitedMs)} ms instead of ${WAIT_MS}`);
    assert.deepEqual([late.key, late.headers['tenant-id']], ['a', 'acme'], 'with its key and headers');
    stage.history.assertDuplicatesAtMost(0);
  },
};
