import assert from 'node:assert/strict';
import { setTimeout as pause } from 'node:timers/promises';
import type { ConformanceCase } from '../conformance-case.js';
import { assertNothingMoreOpen, openResources } from '../resources.js';
import type { Stage } from '../stage.js';

/** How long an application has been starting when it is closed; the last one has started on most brokers. */
const MOMENTS_MS = [0, 1, 3, 10, 30, 100, 300];
const PATIENCE_MS = 2_000;

export const closingEndsAStart: ConformanceCase = {
  name: 'closing-ends-a-start',
  title: 'ends an application that is closed while it starts, leaves nothing open, and rejects its publishes',
  async run(stage) {
    const publisher = await stage.publisher();
    const before = openResources();
    for (const ms of MOMENTS_MS) await closeWhileStarting(stage, ms);
    await assertNothingMoreOpen(before, PATIENCE_MS);

    // A member that was left behind would keep messages from this one.
    const subscriber = await stage.subscribe();
    await publisher.publishNumbers(MOMENTS_MS.length * 4, (n) => `${n}`);
    await subscriber.untilSettled(MOMENTS_MS.length * 4);
  },
};

async function closeWhileStarting(stage: Stage, ms: number): Promise<void> {
  const application = stage.prepare({ subscriptions: [{}] });
  const starting = application.start().catch(() => undefined);
  if (ms > 0) await pause(ms);
  await stage.watch.within(`an application closes ${ms} ms after its start`, application.close());
  await stage.watch.within(`its start ends, ${ms} ms old`, starting);
  await assert.rejects(application.publish(stage.topic, {}), { code: 'TRANSPORT_CLOSED' });
  assert.notEqual(application.connection.health().status, 'up', 'a closed application does not say that it is up');
  assert.equal(application.received.length, 0, 'it received nothing');
}
