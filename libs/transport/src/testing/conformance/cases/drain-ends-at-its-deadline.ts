import assert from 'node:assert/strict';
import type { ConformanceCase } from '../conformance-case.js';

const MESSAGES = 10;

export const drainEndsAtItsDeadline: ConformanceCase = {
  name: 'drain-ends-at-its-deadline',
  title: 'ends a drain at its deadline, says how much is left, and brings that back to the next process',
  capability: 'atLeastOnce',
  async run(stage) {
    const publisher = await stage.publisher();
    await publisher.publishNumbers(MESSAGES, (n) => `${n}`);
    const stuck = stage.gate();
    const first = await stage.subscribe({
      concurrency: 2,
      handle: (payload) => ((payload as { n: number }).n === 0 ? stuck.opened : undefined),
    });
    await stage.until(
      'one handler is stuck, and the others are settled',
      () => first.settled === MESSAGES - 1 && first.running === 1,
    );
    const left = await stage.watch.within('a drain of 50 ms ends', first.consumer.drain(50));
    assert.equal(left, 1, 'the drain says that one message is left unsettled');
    assert.equal(await first.consumer.drain(50), 1, 'a second drain is the same as the first');
    assert.equal(first.noticesOf('drain:finished')[0]?.unsettled, 1, 'and the notice says so too');
    await first.close();

    const second = await stage.subscribe();
    await second.untilSettled(1);
    assert.deepEqual(second.numbers, [0], 'what was left is redelivered, and nothing else');
    // The stuck handler ends at last: its message belongs to somebody else, so nothing may come of it.
    stuck.open();
    await stage.until('the late settlement is noticed', () => first.noticesOf('settlement:ignored').length === 1);
  },
};
