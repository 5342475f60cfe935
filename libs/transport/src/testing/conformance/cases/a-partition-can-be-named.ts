import assert from 'node:assert/strict';
import type { ConformanceCase } from '../conformance-case.js';

export const aPartitionCanBeNamed: ConformanceCase = {
  name: 'a-partition-can-be-named',
  title: 'stores a message in the partition that was named, and refuses one that is not there without hurting others',
  capability: 'partitions',
  ask: async (stage) => (await stage.publisher()).publish(stage.topic, {}, { partition: 0 }),
  async run(stage) {
    const publisher = await stage.publisher();
    const [named, missing, other] = await Promise.allSettled([
      publisher.publish(stage.topic, { n: 0 }, { partition: 0 }),
      publisher.publish(stage.topic, { n: 1 }, { partition: 99_999 }),
      publisher.publish(stage.topic, { n: 2 }),
    ]);
    assert.equal(named.status, 'fulfilled', 'partition 0 is there');
    assert.equal(other.status, 'fulfilled', 'the neighbours of a refused message are stored');
    assert.ok(missing.status === 'rejected', 'a partition that is not there is refused');
    assert.equal(missing.reason.code, 'TRANSPORT_PARTITION_MISSING', `refused with: ${missing.reason}`);

    const subscriber = await stage.subscribe();
    await subscriber.untilSettled(2);
    const first = subscriber.received.find(({ payload }) => (payload as { n: number }).n === 0);
    assert.equal(first?.partition, 0, 'the message arrives from the partition that was named');
    stage.history.assertNoPhantom();
  },
};
