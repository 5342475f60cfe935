import assert from 'node:assert/strict';
import { timeout, type Handler } from '../../../consuming/index.js';
import type { ConformanceCase } from '../conformance-case.js';
import { QUICK_RETRY } from '../retries.js';

const TIMEOUT_MS = 50;

export const lateHandlersAreWaitedFor: ConformanceCase = {
  name: 'late-handlers-are-waited-for',
  title: 'aborts an attempt that timed out, signals its handler, and starts the next one when that has ended',
  capability: 'redelivery',
  ask: (stage) => stage.subscribe({ retry: { maxAttempts: 2 } }),
  async run(stage) {
    const publisher = await stage.publisher();
    await publisher.publishNumbers(3, () => 'a');
    const end = stage.gate();
    let told: unknown;
    const handle: Handler = async (payload, { attempt, signal }) => {
      if ((payload as { n: number }).n !== 0 || attempt > 1) return;
      signal.addEventListener('abort', () => {
        told = signal.reason;
        stage.watch.changed();
      });
      await end.opened;
    };
    const policies = [timeout({ timeoutMs: TIMEOUT_MS })];
    const subscriber = await stage.subscribe({ policies, retry: QUICK_RETRY, handle });
    await stage.until('the handler is told by its signal', () => told !== undefined);
    assert.match(String(told), /TRANSPORT_HANDLER_TIMEOUT/);
    assert.equal(subscriber.noticesOf('message:timed-out').length, 1, 'and everybody else by notice');
    assert.equal(
      subscriber.noticesOf('message:retry-scheduled').length,
      0,
      'the attempt has not ended while its handler runs',
    );

    end.open();
    await subscriber.untilSettled(3);
    assert.deepEqual(
      subscriber.noticesOf('message:retry-scheduled').map(({ attempt }) => attempt),
      [1],
      'the attempt has failed, whatever its handler returned',
    );
    assert.deepEqual(
      stage.inOrder(subscriber.numbers),
      [0, 0, 1, 2],
      'the message is tried again, before its successors',
    );
    stage.assertOrderPerKey();
  },
};
