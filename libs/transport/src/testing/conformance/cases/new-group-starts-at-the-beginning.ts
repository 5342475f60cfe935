import assert from 'node:assert/strict';
import type { ConformanceCase } from '../conformance-case.js';

const MESSAGES = 10;

export const newGroupStartsAtTheBeginning: ConformanceCase = {
  name: 'new-group-starts-at-the-beginning',
  title: 'gives a new group what the topic still holds, and an old group only what is new to it',
  capability: 'startFromBeginning',
  ask: (stage) => stage.subscribe({ startFrom: 'beginning' }),
  async run(stage) {
    const publisher = await stage.publisher();
    await publisher.publishNumbers(MESSAGES);
    const first = await stage.subscribe();
    await first.untilSettled(MESSAGES);
    await first.close();

    await publisher.publish(stage.topic, { n: MESSAGES });
    const second = await stage.subscribe({ group: `${stage.group}-new` });
    await second.untilSettled(MESSAGES + 1);
    const again = await stage.subscribe();
    await again.untilSettled(1);

    stage.history.assertNothingLost();
    assert.deepEqual(again.numbers, [MESSAGES], 'a group that settled everything gets only what came since');
  },
};
