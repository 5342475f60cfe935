import assert from 'node:assert/strict';
import type { ConformanceCase } from '../conformance-case.js';

const MESSAGES = 10;
const BAD = 3;

export const aBatchFailsMessageByMessage: ConformanceCase = {
  name: 'a-batch-fails-message-by-message',
  title: 'delivers messages in batches, and redelivers only the one of a batch that failed',
  capability: 'redelivery',
  async run(stage) {
    const publisher = await stage.publisher();
    await publisher.publishNumbers(MESSAGES, (n) => `${n}`);
    const sizes: number[] = [];
    const failed = new Set<number>();
    const subscriber = await stage.subscribe({
      batch: { maxMessages: 5, maxWaitMs: 200 },
      retry: { maxAttempts: 3, initialDelayMs: 1, maxDelayMs: 1 },
      handleBatch: (payloads) => {
        sizes.push(payloads.length);
        return payloads.map((payload) => outcomeOf((payload as { n: number }).n, failed));
      },
    });
    await subscriber.untilSettled(MESSAGES);

    assert.ok(Math.max(...sizes) > 1 && Math.max(...sizes) <= 5, `batches of ${sizes.join(', ')}`);
    const expected = [...Array(MESSAGES).keys(), BAD].sort((a, b) => a - b);
    assert.deepEqual(
      [...subscriber.numbers].sort((a, b) => a - b),
      expected,
      'the bad one twice, its neighbours once',
    );
    const attempts = subscriber.received.filter(({ attempt }) => attempt > 1).map(({ attempt }) => attempt);
    assert.deepEqual(attempts, [2]);
  },
};

/** Bad once. */
function outcomeOf(n: number, failed: Set<number>): Error | undefined {
  if (n !== BAD || failed.has(n)) return undefined;
  failed.add(n);
  return new Error('one bad message');
}
