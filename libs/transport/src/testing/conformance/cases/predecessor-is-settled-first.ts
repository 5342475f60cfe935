import assert from 'node:assert/strict';
import type { ConformanceCase } from '../conformance-case.js';

export const predecessorIsSettledFirst: ConformanceCase = {
  name: 'predecessor-is-settled-first',
  title: 'delivers no message before its predecessor of the same key is settled',
  capability: 'orderByKey',
  ask: (stage) => stage.subscribe({ ordering: 'key' }),
  async run(stage) {
    const publisher = await stage.publisher();
    const slow = stage.gate();
    const subscriber = await stage.subscribe({
      handle: (payload) => ((payload as { n: number }).n === 0 ? slow.opened : undefined),
    });
    await publisher.publishNumbers(20, (n) => (n < 3 ? 'slow' : `other ${n}`));
    // The others are settled while the first of its key still runs: had its successors been free, they had begun too.
    await subscriber.untilSettled(17);
    const begun = subscriber.numbers.filter((n) => n < 3);
    assert.equal(begun.length, 1, 'the second message of a key waits for the first');
    slow.open();
    await subscriber.untilSettled(20);

    stage.history.assertPredecessorsSettled();
    stage.history.assertOrderPerKey();
  },
};
