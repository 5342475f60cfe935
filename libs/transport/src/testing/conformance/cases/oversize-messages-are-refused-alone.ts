import assert from 'node:assert/strict';
import type { ConformanceCase } from '../conformance-case.js';

export const oversizeMessagesAreRefusedAlone: ConformanceCase = {
  name: 'oversize-messages-are-refused-alone',
  title: 'refuses a message above the limit before it is sent, with both sizes, and stores its neighbours',
  async run(stage) {
    const own = (await stage.publisher()).connection.producer.maxBytes;
    const { largeBytes } = stage.options;
    // A driver that would take more than the suite wants to send is given a limit by option.
    const publisher = await stage.open({ publishing: own <= largeBytes ? {} : { maxBytes: largeBytes } });
    const limit = Math.min(own, largeBytes);
    let results: PromiseSettledResult<unknown>[] = [];
    const publish = async (): Promise<void> => {
      const publishes = [{ n: 0 }, 'x'.repeat(limit + 1), { n: 1 }].map((it) => publisher.publish(stage.topic, it));
      results = await Promise.allSettled(publishes);
    };
    const subscriber = await stage.published(publish, () => stage.subscribe());
    const [before, oversize, after] = results;
    assert.ok(oversize?.status === 'rejected', `${limit + 3} bytes are refused where the limit is ${limit}`);
    assert.equal(oversize.reason.code, 'TRANSPORT_MESSAGE_TOO_LARGE', `refused with: ${oversize.reason}`);
    assert.match(oversize.reason.message, new RegExp(`\\b${limit}\\b`), 'the error tells the limit');
    assert.deepEqual([before?.status, after?.status], ['fulfilled', 'fulfilled'], 'the neighbours are stored');

    await subscriber.untilSettled(2);
    stage.history.assertNothingLost();
    stage.history.assertNoPhantom();
  },
};
