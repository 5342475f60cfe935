import { setImmediate as nextTurn } from 'node:timers/promises';
import type { ConformanceCase } from '../conformance-case.js';

const MESSAGES = 400;
const KEYS = 23;

export const orderPerKeyUnderConcurrency: ConformanceCase = {
  name: 'order-per-key-under-concurrency',
  title: 'handles messages of one key in publish order while many keys are handled at once',
  capability: 'orderByKey',
  ask: (stage) => stage.subscribe({ ordering: 'key' }),
  async run(stage) {
    const publisher = await stage.publisher();
    const subscriber = await stage.subscribe({
      concurrency: 16,
      // Handlers of different length, so that those side by side overtake each other.
      handle: async (payload) => {
        for (let turn = (payload as { n: number }).n % 5; turn > 0; turn--) await nextTurn();
      },
    });
    await publisher.publishNumbers(MESSAGES, (n) => `${n % KEYS}`);
    await subscriber.untilSettled(MESSAGES);

    stage.history.assertOrderPerKey();
    stage.history.assertPredecessorsSettled();
    stage.history.assertNothingLost();
    stage.history.assertDuplicatesAtMost(0);
  },
};
