import assert from 'node:assert/strict';
import { RetryAfter } from '../../../consuming/index.js';
import type { SubscriptionSpec } from '../application.js';
import type { ConformanceCase } from '../conformance-case.js';
import { assertNothingMoreOpen, openResources } from '../resources.js';
import type { Stage } from '../stage.js';

const ROUNDS = 3;
const PATIENCE_MS = 2_000;

export const nothingIsLeftOpen: ConformanceCase = {
  name: 'nothing-is-left-open',
  title: 'leaves no timer, socket, connection or temporary topic behind, also where messages wait for a retry',
  async run(stage) {
    const { leftovers = async () => [] } = stage.options;
    const before = openResources();
    for (let round = 0; round < ROUNDS; round++) await closeWhileOneWaits(stage, { topic: stage.topic });
    // Where no order is kept, a driver with native redelivery has the timer, and not the runner.
    const unordered = { topic: stage.newTopic(), ordering: 'none' } as const;
    for (let round = 0; round < ROUNDS; round++) await closeWhileOneWaits(stage, unordered);
    await assertNothingMoreOpen(before, PATIENCE_MS);
    assert.deepEqual(await leftovers(), [], 'the server holds nothing open for applications that are closed');
  },
};

async function closeWhileOneWaits(
  stage: Stage,
  subscription: SubscriptionSpec & { readonly topic: string },
): Promise<void> {
  const { topic } = subscription;
  const handle = (): never => {
    throw new RetryAfter(3_600_000);
  };
  const subscriptions = [{ ...subscription, retry: stage.ownRetries, handle }];
  const application = await stage.open({ subscriptions, publishesTo: [topic] });
  await application.publish(topic, { n: 0 });
  await stage.until('a message waits for its retry', () => application.noticesOf('message:retry-scheduled').length > 0);
  await application.close();
}
