import assert from 'node:assert/strict';
import type { ConformanceCase } from '../conformance-case.js';

const MESSAGES = 50;

export const everyInstanceGetsAll: ConformanceCase = {
  name: 'every-instance-gets-all',
  title: 'gives every running instance every message of a subscription that asks for it, from its start to its end',
  capability: 'everyInstance',
  ask: (stage) => stage.subscribe({ delivery: 'every-instance' }),
  async run(stage) {
    const publisher = await stage.publisher();
    const [first, second] = [
      await stage.subscribe({ delivery: 'every-instance' }),
      await stage.subscribe({ delivery: 'every-instance' }),
    ];
    await publisher.publishNumbers(MESSAGES, (n) => `${n % 5}`);
    await Promise.all([first.untilSettled(MESSAGES), second.untilSettled(MESSAGES)]);
    await first.close();

    const third = await stage.subscribe({ delivery: 'every-instance' });
    await publisher.publish(stage.topic, { n: MESSAGES });
    await Promise.all([second.untilSettled(MESSAGES + 1), third.untilSettled(1)]);
    assert.deepEqual(third.numbers, [MESSAGES], 'an instance that comes later begins with what comes next');
    assert.equal(first.received.length, MESSAGES, 'an instance that has ended gets nothing more');
    assert.equal(second.received.length, MESSAGES + 1, 'nobody gets a message twice');
  },
};
