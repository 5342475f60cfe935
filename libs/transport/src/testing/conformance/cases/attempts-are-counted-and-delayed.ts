import assert from 'node:assert/strict';
import { RetryAfter } from '../../../consuming/index.js';
import type { ConformanceCase } from '../conformance-case.js';
import type { Stage } from '../stage.js';

const DELAY_MS = 120;
/** Timers may fire a little early by the clock that measures them. */
const CLOCK_SLACK_MS = 5;
/** Where no order is kept, a driver with native redelivery measures the delay: long enough that a wrong unit or factor shows. */
const UNORDERED_DELAY_MS = 1_000;
const EARLIEST_MS = UNORDERED_DELAY_MS * 0.9;
/** nsqd may scan a channel for the first time 5 s after it was created. */
const LATEST_MS = UNORDERED_DELAY_MS * 5 + 3_000;

export const attemptsAreCountedAndDelayed: ConformanceCase = {
  name: 'attempts-are-counted-and-delayed',
  title: 'counts attempts from 1, waits as long as it was asked to, and stops at maxAttempts',
  capability: 'redelivery',
  ask: (stage) => stage.subscribe({ retry: { maxAttempts: 5 } }),
  async run(stage) {
    const publisher = await stage.publisher();
    const subscriber = await stage.subscribe({
      retry: { maxAttempts: 3 },
      handle: () => {
        throw new RetryAfter(DELAY_MS);
      },
    });
    await publisher.publish(stage.topic, { n: 0 }, { key: 'a' });
    await subscriber.untilSettled(1);

    const attempts = subscriber.received.map(({ attempt }) => attempt);
    assert.deepEqual(attempts, [1, 2, 3], 'attempts are 1, 2, 3, and the third is the last');
    const ids = new Set(subscriber.received.map(({ id }) => id));
    assert.equal(ids.size, 1, 'the id stays the same on every attempt');
    for (const [index, { at }] of subscriber.received.entries()) {
      const before = subscriber.received[index - 1];
      if (before === undefined) continue;
      const waited = at - before.at;
      assert.ok(waited >= DELAY_MS - CLOCK_SLACK_MS, `attempt ${index + 1} came after ${waited} ms, not ${DELAY_MS}`);
    }
    assert.equal(subscriber.noticesOf('message:dead-lettered')[0]?.attempt, 3, 'it is a dead letter after attempt 3');
    await assertUnorderedDelay(stage);
  },
};

async function assertUnorderedDelay(stage: Stage): Promise<void> {
  const topic = stage.newTopic();
  const handle = (_: unknown, { attempt }: { readonly attempt: number }): void => {
    if (attempt === 1) throw new RetryAfter(UNORDERED_DELAY_MS);
  };
  const subscription = { topic, ordering: 'none', retry: { maxAttempts: 2 }, handle } as const;
  const application = await stage.open({ publishesTo: [topic], subscriptions: [subscription] });
  await application.publish(topic, { n: 0 });
  await application.untilSettled(1);
  const [first, second] = application.received;
  assert.ok(first !== undefined && second?.attempt === 2, 'without order, the second attempt is number 2');
  const waited = Math.round(second.at - first.at);
  const text = `without order, attempt 2 came after ${waited} ms, not ${UNORDERED_DELAY_MS}`;
  assert.ok(waited >= EARLIEST_MS && waited <= LATEST_MS, text);
}
