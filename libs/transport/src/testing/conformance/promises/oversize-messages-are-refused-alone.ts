import assert from 'node:assert/strict';
import type { ConformancePromise } from '../promise.js';

export const oversizeMessagesAreRefusedAlone: ConformancePromise = {
  name: 'oversize-messages-are-refused-alone',
  title: 'refuses a message above the limit before it is sent, with both sizes, and stores its neighbours',
  async run(stage) {
    const own = (await stage.publisher()).connection.producer.maxBytes;
    const { largeBytes } = stage.options;
    // A driver that would take more than the suite wants to send is given a limit by option.
    const publisher = await stage.open({ publishing: own <= largeBytes ? {} : { maxBytes: largeBytes } });
    const limit = Math.min(own, largeBytes);
    const [before, oversize, after] = await Promise.allSettled([
      publisher.publish(stage.topic, { n: 0 }),
      publisher.publish(stage.topic, 'x'.repeat(limit + 1)),
      publisher.publish(stage.topic, { n: 1 }),
    ]);
    assert.ok(oversize.status === 'rejected', `${limit + 3} bytes are refused where the limit is ${limit}`);
    assert.equal(oversize.reason.code, 'TRANSPORT_MESSAGE_TOO_LARGE', `refused with: ${oversize.reason}`);
    assert.match(oversize.reason.message, new RegExp(`\\b${limit}\\b`), 'the error tells the limit');
    assert.deepEqual([before.status, after.status], ['fulfilled', 'fulfilled'], 'the neighbours are stored');

    const subscriber = await stage.subscribe();
    await subscriber.untilSettled(2);
    stage.history.assertNothingLost();
    stage.history.assertNoPhantom();
  },
};
