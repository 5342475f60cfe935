import type { ConformancePromise } from '../promise.js';

const MESSAGES = 300;
const KEYS = 12;

export const orderPerKeyAcrossMembers: ConformancePromise = {
  name: 'order-per-key-across-members',
  title: 'keeps the order of keys while members join, leave, and are torn away with handlers that never end',
  capability: 'orderAcrossMembers',
  async run(stage) {
    const publisher = await stage.publisher();
    const stuck = stage.gate();
    const first = await stage.subscribe();
    const torn = await stage.subscribe({
      handle: (payload) => ((payload as { n: number }).n > MESSAGES / 6 ? stuck.opened : undefined),
    });
    for (let third = 0; third < 3; third++) {
      await publisher.publishNumbers(MESSAGES / 3, (n) => `${n % KEYS}`);
      if (third === 0) await stage.until('some messages are settled', () => first.settled + torn.settled > 20);
      if (third === 1) await torn.close(0);
    }
    const second = await stage.subscribe();
    await first.close();
    await stage.untilNothingIsOwed();
    await second.close();

    stage.history.assertOrderPerKey();
  },
};
