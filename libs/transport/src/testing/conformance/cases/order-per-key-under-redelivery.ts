import type { ConformanceCase } from '../conformance-case.js';
import { QUICK_RETRY, failFirst } from '../retries.js';

const MESSAGES = 60;
const KEYS = 6;

export const orderPerKeyUnderRedelivery: ConformanceCase = {
  name: 'order-per-key-under-redelivery',
  title: 'keeps the order of a key when one of its messages is tried again',
  capability: 'orderByKey',
  ask: (stage) => stage.subscribe({ ordering: 'key' }),
  async run(stage) {
    const publisher = await stage.publisher();
    const everyFifth = ({ n }: { n: number }): boolean => n % 5 === 0;
    const retry = { ...QUICK_RETRY, ...stage.ownRetries };
    const subscriber = await stage.subscribe({ retry, handle: failFirst(2, everyFifth) });
    await publisher.publishNumbers(MESSAGES, (n) => `${n % KEYS}`);
    await subscriber.untilSettled(MESSAGES);

    stage.history.assertPredecessorsSettled();
    stage.history.assertOrderPerKey();
    stage.history.assertNothingLost();
  },
};
