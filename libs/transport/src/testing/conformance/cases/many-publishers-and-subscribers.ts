import assert from 'node:assert/strict';
import type { ConformanceCase } from '../conformance-case.js';

const PUBLISHERS = 5;
const SUBSCRIBERS = 3;
const EACH = 100;

export const manyPublishersAndSubscribers: ConformanceCase = {
  name: 'many-publishers-and-subscribers',
  title: 'loses nothing and invents nothing between many publishers and many members of one group',
  capability: 'groups',
  async run(stage) {
    const publishers = await Promise.all(Array.from({ length: PUBLISHERS }, () => stage.open()));
    const subscribers = await Promise.all(Array.from({ length: SUBSCRIBERS }, () => stage.subscribe()));

    await Promise.all(publishers.map((publisher, p) => publisher.publishNumbers(EACH, (n) => `${p}-${n % 7}`)));
    await stage.untilNothingIsOwed();
    stage.history.assertNoPhantom();
    assert.ok(
      subscribers.every(({ running }) => running === 0),
      'no handler is left running',
    );
  },
};
