import type { ConformanceCase } from '../conformance-case.js';

const MESSAGES = 300;
const KEYS = 12;

export const membersComeAndGo: ConformanceCase = {
  name: 'members-come-and-go',
  title: 'loses nothing and invents nothing while members join and leave in the middle of the work',
  capability: 'groups',
  async run(stage) {
    const publisher = await stage.publisher();
    const first = await stage.subscribe();
    const publishing = publishSlowly(() => publisher.publishNumbers(MESSAGES / 3, (n) => `${n % KEYS}`));
    await first.untilSettled(20);
    const second = await stage.subscribe();
    await publishing;
    await first.close();
    await stage.untilNothingIsOwed();
    await second.close();

    stage.history.assertNoPhantom();
  },
};

async function publishSlowly(publishThird: () => Promise<unknown>): Promise<void> {
  for (let third = 0; third < 3; third++) await publishThird();
}
