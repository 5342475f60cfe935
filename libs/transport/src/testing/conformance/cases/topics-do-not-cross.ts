import assert from 'node:assert/strict';
import type { ConformanceCase } from '../conformance-case.js';

const TOPICS = 5;
const EACH = 20;

export const topicsDoNotCross: ConformanceCase = {
  name: 'topics-do-not-cross',
  title: 'gives each subscription its own topic only, also where one application has many',
  async run(stage) {
    const topics = Array.from({ length: TOPICS }, () => stage.newTopic());
    const publisher = await stage.open({ publishesTo: topics, groups: [stage.group, `${stage.group}-2`] });
    // Two subscriptions on the first topic, as two groups: neither may replace the other.
    const subscriptions = [...topics.map((topic) => ({ topic })), { topic: topics[0], group: `${stage.group}-2` }];
    const subscriber = await stage.published(
      () => Promise.all(topics.map((topic) => publisher.publishNumbers(EACH, undefined, topic))),
      () => stage.open({ subscriptions: subscriptions as { topic: string }[], publishesTo: [] }),
    );
    await subscriber.untilSettled(subscriptions.length * EACH);

    stage.history.assertNothingLost();
    const published = new Map(stage.history.entries.flatMap((e) => (e.what === 'publish' ? [[e.id, e.topic]] : [])));
    for (const { id, topic } of subscriber.received) {
      assert.equal(
        topic,
        published.get(id),
        `message ${id} was published to "${published.get(id)}" and came from "${topic}"`,
      );
    }
  },
};
