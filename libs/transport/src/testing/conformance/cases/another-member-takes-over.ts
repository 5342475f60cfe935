import assert from 'node:assert/strict';
import type { ConformanceCase } from '../conformance-case.js';

const MESSAGES = 20;

export const anotherMemberTakesOver: ConformanceCase = {
  name: 'another-member-takes-over',
  title: 'redelivers to another member what a member left unsettled',
  capability: 'atLeastOnce',
  async run(stage) {
    const publisher = await stage.publisher();
    await publisher.publishNumbers(MESSAGES, (n) => `${n % 4}`);
    const stuck = stage.gate();
    const leaving = await stage.subscribe({ concurrency: 4, handle: () => stuck.opened });
    await leaving.untilReceived(1);
    await leaving.close(0);
    assert.equal(leaving.settled, 0, 'nothing is settled by a member whose handlers never end');

    const staying = await stage.subscribe();
    await staying.untilSettled(MESSAGES);
    assert.equal(new Set(staying.numbers).size, MESSAGES, 'the other member gets all of them');
    assert.equal(leaving.received.length, leaving.running, 'the member that left begins no handler any more');
  },
};
