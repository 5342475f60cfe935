import assert from 'node:assert/strict';
import type { ConformanceCase } from '../conformance-case.js';

const MESSAGES = 500;

export const closingFlushesPublishes: ConformanceCase = {
  name: 'closing-flushes-publishes',
  title: 'stores what was published, though not awaited, before it closes',
  async run(stage) {
    const publisher = await stage.open();
    const publish = async (): Promise<void> => {
      const published = publisher.publishNumbers(MESSAGES, (n) => `${n % 9}`);
      await publisher.close();
      const ids = await stage.watch.within('every publish is answered once the application is closed', published);
      assert.equal(ids.length, MESSAGES);
    };
    const subscriber = await stage.published(publish, () => stage.subscribe());
    await subscriber.untilSettled(MESSAGES);
    stage.history.assertNothingLost();
    stage.assertOrderPerKey();
  },
};
