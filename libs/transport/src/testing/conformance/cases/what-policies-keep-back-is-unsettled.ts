import assert from 'node:assert/strict';
import { throttle } from '../../../consuming/index.js';
import type { ConformanceCase } from '../conformance-case.js';

const MESSAGES = 5;
/** Longer than any run of the suite: after the first handler none begins. */
const EVERY_MS = 3_600_000;

export const whatPoliciesKeepBackIsUnsettled: ConformanceCase = {
  name: 'what-policies-keep-back-is-unsettled',
  title: 'leaves unsettled what a policy keeps back, and brings it to the next process when this one ends',
  capability: 'atLeastOnce',
  async run(stage) {
    const publisher = await stage.publisher();
    await publisher.publishNumbers(MESSAGES, (n) => `${n}`);
    const first = await stage.subscribe({ policies: [throttle({ everyMs: EVERY_MS })] });
    await first.untilSettled(1);
    await stage.watch.within('a drain does not wait for the pace', first.close(60_000));
    assert.equal(first.received.length, 1, 'one handler began');
    assert.equal(first.noticesOf('message:retry-scheduled').length, 0, 'being kept back is no failed attempt');

    const second = await stage.subscribe();
    await second.untilSettled(MESSAGES - 1);
    const all = [...first.numbers, ...second.numbers].sort((a, b) => a - b);
    assert.deepEqual(all, [0, 1, 2, 3, 4], 'the others reach the next process, each once');
  },
};
