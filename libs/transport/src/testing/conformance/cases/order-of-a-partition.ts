import assert from 'node:assert/strict';
import type { ConformanceCase } from '../conformance-case.js';
import { QUICK_RETRY, failFirst } from '../retries.js';

const MESSAGES = 60;

export const orderOfAPartition: ConformanceCase = {
  name: 'order-of-a-partition',
  title: 'handles one partition one message at a time, in publish order, also when one is tried again',
  capability: 'orderByPartition',
  ask: (stage) => stage.subscribe({ ordering: 'partition' }),
  async run(stage) {
    const publisher = await stage.publisher();
    const retried = ({ n }: { n: number }): boolean => n % 20 === 0;
    const subscriber = await stage.subscribe({
      ordering: 'partition',
      retry: QUICK_RETRY,
      handle: failFirst(1, retried),
    });
    await publisher.publishNumbers(MESSAGES);
    await subscriber.untilSettled(MESSAGES);

    const succeeded = subscriber.received.filter(
      ({ payload, attempt }) => !retried(payload as { n: number }) || attempt > 1,
    );
    const lastOf = new Map<number | undefined, number>();
    for (const { payload, partition } of succeeded) {
      const { n } = payload as { n: number };
      const last = lastOf.get(partition) ?? -1;
      assert.ok(n > last, `message ${n} of partition ${partition} was handled after message ${last}`);
      lastOf.set(partition, n);
    }
    assert.equal(succeeded.length, MESSAGES);
  },
};
