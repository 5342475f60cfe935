import assert from 'node:assert/strict';
import type { ConformanceCase } from '../conformance-case.js';

const MESSAGES = 50;

export const groupsEachGetAll: ConformanceCase = {
  name: 'groups-each-get-all',
  title: 'gives every group every message, whatever the other groups do with it',
  capability: 'groups',
  async run(stage) {
    const other = `${stage.group}-other`;
    const publisher = await stage.publisher();
    const failing = await stage.subscribe({
      group: other,
      retry: { maxAttempts: 1 },
      handle: () => {
        throw new Error('this group fails at everything, as planned');
      },
    });
    const working = await stage.subscribe();
    await publisher.publishNumbers(MESSAGES, (n) => `${n % 5}`);
    await working.untilSettled(MESSAGES);
    await failing.untilSettled(MESSAGES);

    stage.history.assertNothingLost();
    stage.history.assertDuplicatesAtMost(0);
    assert.equal(working.noticesOf('message:acked').length, MESSAGES);
    const end = stage.broker.capabilities.deadLetter === 'unsupported' ? 'message:dropped' : 'message:dead-lettered';
    assert.equal(failing.noticesOf(end).length, MESSAGES);
  },
};
