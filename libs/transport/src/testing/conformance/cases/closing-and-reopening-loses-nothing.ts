import assert from 'node:assert/strict';
import type { ConformanceCase } from '../conformance-case.js';

const MESSAGES = 120;
const ROUNDS = 3;

export const closingAndReopeningLosesNothing: ConformanceCase = {
  name: 'closing-and-reopening-loses-nothing',
  title:
    'goes on where it stopped after every close, publishers and subscribers alike, and repeats nothing that was settled',
  capability: 'atLeastOnce',
  async run(stage) {
    let settled = 0;
    for (let round = 0; round < ROUNDS; round++) {
      const publisher = await stage.open();
      await publisher.publishNumbers(MESSAGES / ROUNDS, (n) => `${n % 6}`);
      await publisher.close();
      const subscriber = await stage.subscribe({ maxInFlight: 16 });
      // Closed in the middle of the work, except for the last.
      const wanted = round === ROUNDS - 1 ? MESSAGES - settled : 20;
      await subscriber.untilSettled(wanted);
      await subscriber.close();
      settled += subscriber.settled;
    }
    assert.equal(settled, MESSAGES);
    stage.history.assertNothingLost();
    stage.history.assertDuplicatesAtMost(0);
    stage.assertOrderPerKey();
  },
};
