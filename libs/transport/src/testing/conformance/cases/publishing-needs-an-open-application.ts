import assert from 'node:assert/strict';
import type { ConformanceCase } from '../conformance-case.js';

export const publishingNeedsAnOpenApplication: ConformanceCase = {
  name: 'publishing-needs-an-open-application',
  title:
    'refuses to publish before the start, after the end, and to a topic name the broker does not accept, each with its code',
  async run(stage) {
    const early = stage.prepare();
    await assert.rejects(early.publish(stage.topic, {}), { code: 'TRANSPORT_NOT_STARTED' });

    const publisher = await stage.open();
    await assert.rejects(publisher.publish(stage.options.refusedTopic, {}), { code: 'TRANSPORT_TOPIC_INVALID' });
    assert.throws(() => stage.prepare({ subscriptions: [{ topic: stage.options.refusedTopic }] }), {
      code: 'TRANSPORT_TOPIC_INVALID',
    });
    assert.throws(() => stage.prepare({ subscriptions: [{ group: '' }] }), { code: 'TRANSPORT_GROUP_INVALID' });
    const publish = async (): Promise<void> => {
      await publisher.publish(stage.topic, { n: 0 });
      await publisher.close();
      await assert.rejects(publisher.publish(stage.topic, {}), { code: 'TRANSPORT_CLOSED' });
    };
    const subscriber = await stage.published(publish, () => stage.subscribe());
    await subscriber.untilSettled(1);
    assert.equal(subscriber.received.length, 1, 'of what was refused nothing is stored');
    stage.history.assertNoPhantom();
  },
};
