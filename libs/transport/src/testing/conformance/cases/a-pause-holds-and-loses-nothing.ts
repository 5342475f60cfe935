import assert from 'node:assert/strict';
import type { ConformanceCase } from '../conformance-case.js';

const MESSAGES = 10;

export const aPauseHoldsAndLosesNothing: ConformanceCase = {
  name: 'a-pause-holds-and-loses-nothing',
  title: 'starts no handler of a paused subscription while others work, and loses no message meanwhile',
  capability: 'groups',
  async run(stage) {
    const other = `${stage.group}-other`;
    const publisher = await stage.open({ groups: [stage.group, other] });
    const paused = await stage.subscribe();
    const working = await stage.subscribe({ group: other });
    const control = paused.consumer.control(stage.topic);
    assert.ok(control, 'the subscription is known');
    await control.pause('the shelf is being moved');
    await publisher.publishNumbers(MESSAGES, (n) => `${n}`);
    await working.untilSettled(MESSAGES);
    assert.equal(paused.received.length, 0, 'no handler begins while it is paused');
    assert.deepEqual(control.pauseReasons, ['the shelf is being moved']);

    control.resume();
    await paused.untilSettled(MESSAGES);
    assert.deepEqual(ascending(paused.numbers), [...Array(MESSAGES).keys()], 'each message once');
    if (!stage.isKept) return;

    await control.pause('for the night');
    await publisher.publishNumbers(MESSAGES, (n) => `${n}`);
    await working.untilSettled(2 * MESSAGES);
    await paused.close();
    assert.equal(paused.received.length, MESSAGES, 'no handler begins, and none at the end either');
    const next = await stage.subscribe();
    await next.untilSettled(MESSAGES);
    assert.deepEqual(
      ascending(next.numbers),
      [...Array(MESSAGES).keys()],
      'what was kept back goes to the next process',
    );
  },
};

const ascending = (numbers: readonly number[]): number[] => [...numbers].sort((a, b) => a - b);
