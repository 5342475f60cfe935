import assert from 'node:assert/strict';
import type { ConformanceCase } from '../conformance-case.js';

export const messagesWithoutABodyArrive: ConformanceCase = {
  name: 'messages-without-a-body-arrive',
  title: 'gives the handler null for a message without a body (a tombstone), and hurts no neighbour',
  async run(stage) {
    const publisher = await stage.publisher();
    const publish = async (): Promise<void> => {
      await publisher.publish(stage.topic, { n: 0 }, { key: 'a' });
      await publisher.sendRaw({ key: 'a', body: null, headers: { 'message-id': 'tombstone' }, id: 'tombstone' });
      await publisher.publish(stage.topic, { n: 1 }, { key: 'a' });
    };
    const subscriber = await stage.published(publish, () => stage.subscribe());
    await subscriber.untilSettled(3);
    const payloads = subscriber.received.map(({ payload }) => payload);
    assert.deepEqual(stage.inOrder(payloads), stage.inOrder([{ n: 0 }, null, { n: 1 }]));
    assert.equal(subscriber.received.find(({ payload }) => payload === null)?.id, 'tombstone');
  },
};
