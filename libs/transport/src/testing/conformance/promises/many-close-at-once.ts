import type { ConformancePromise } from '../promise.js';

const APPLICATIONS = 4;
const MESSAGES = 100;

export const manyCloseAtOnce: ConformancePromise = {
  name: 'many-close-at-once',
  title: 'survives many applications that close at once, twice each, while messages flow',
  async run(stage) {
    const publisher = await stage.publisher();
    const spec = { subscriptions: [{}] };
    const applications = await Promise.all(Array.from({ length: APPLICATIONS }, () => stage.open(spec)));
    const publishing = publisher.publishNumbers(MESSAGES, (n) => `${n % 10}`);
    await stage.until('some messages are settled', () => applications.some(({ settled }) => settled > 0));
    const closing = applications.flatMap((each) => [each.close(), each.close(), each.connection.close()]);
    await stage.watch.within('all of them close', Promise.all(closing));
    await publishing;

    const last = await stage.subscribe();
    const settled = (): number => applications.reduce((sum, each) => sum + each.settled, last.settled);
    await stage.until('the last application has settled the rest', () => settled() >= MESSAGES);
    stage.history.assertNothingLost();
    stage.history.assertOrderPerKey();
  },
};
