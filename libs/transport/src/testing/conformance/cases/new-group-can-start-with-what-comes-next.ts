import assert from 'node:assert/strict';
import type { ConformanceCase } from '../conformance-case.js';

const MESSAGES = 10;

export const newGroupCanStartWithWhatComesNext: ConformanceCase = {
  name: 'new-group-can-start-with-what-comes-next',
  title: "gives a group that starts from 'new' everything that is published once it has started, and nothing older",
  capability: 'groups',
  async run(stage) {
    // Somebody else's group takes the older message, where one has to.
    const publisher = await stage.open({ groups: [`${stage.group}-other`] });
    await publisher.publish(stage.topic, { n: -1 });
    const subscriber = await stage.subscribe({ startFrom: 'new' });
    await publisher.publishNumbers(MESSAGES);
    await subscriber.untilSettled(MESSAGES);
    assert.deepEqual(ascending(subscriber.numbers), ascending([...Array(MESSAGES).keys()]));
    await subscriber.close();
    if (!stage.isKept) return;

    // Its place is kept from now on: what is published while nobody listens is not skipped.
    await publisher.publish(stage.topic, { n: MESSAGES });
    const reopened = await stage.subscribe({ startFrom: 'new' });
    await reopened.untilSettled(1);
    assert.deepEqual(reopened.numbers, [MESSAGES]);
  },
};

const ascending = (numbers: readonly number[]): number[] => [...numbers].sort((a, b) => a - b);
