import type { Application } from '../application.js';
import type { ConformanceCase } from '../conformance-case.js';

const APPLICATIONS = 4;
const MESSAGES = 100;

export const manyCloseAtOnce: ConformanceCase = {
  name: 'many-close-at-once',
  title: 'survives many applications that close at once, twice each, while messages flow',
  capability: 'atLeastOnce',
  async run(stage) {
    const publisher = await stage.publisher();
    const spec = { subscriptions: [{}] };
    const applications = await Promise.all(Array.from({ length: APPLICATIONS }, () => stage.open(spec)));
    const publishing = publisher.publishNumbers(MESSAGES, (n) => `${n % 10}`);
    await stage.until('some messages are settled', () => applications.some(({ settled }) => settled > 0));
    await stage.watch.within('all of them close', Promise.all(applications.map(closeTwice)));
    await publishing;

    await stage.subscribe();
    await stage.untilNothingIsOwed();
    stage.assertOrderPerKey('several');
  },
};

async function closeTwice(application: Application): Promise<void> {
  await Promise.all([application.consumer.drain(5_000), application.close()]);
  await Promise.all([
    application.consumer.drain(5_000),
    application.publisher.close(0),
    application.connection.close(),
  ]);
}
