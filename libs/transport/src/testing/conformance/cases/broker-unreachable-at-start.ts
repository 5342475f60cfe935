import assert from 'node:assert/strict';
import type { ConformanceCase } from '../conformance-case.js';
import type { Stage } from '../stage.js';

export const brokerUnreachableAtStart: ConformanceCase = {
  name: 'broker-unreachable-at-start',
  title:
    'waits for a broker that is not there until it is told to stop, or fails at once when asked to, and stays closable',
  async run(stage) {
    const broker = stage.options.unreachableBroker?.();
    if (broker === undefined) return assertAlwaysThere(stage);

    const failing = stage.prepare({}, broker);
    const refusal = { code: 'TRANSPORT_BROKER_UNREACHABLE' };
    await stage.watch.within('one try ends', assert.rejects(failing.connection.connectOnce(), refusal));

    const abort = new AbortController();
    const waiting = stage.prepare({}, broker);
    let ended = false;
    const connecting = waiting.connection.connect(abort.signal).finally(() => (ended = true));
    connecting.catch(() => undefined);
    await stage.until('the outage is told', () => waiting.noticesOf('broker:unreachable').length > 0);
    assert.equal(ended, false, 'connect goes on waiting');
    assert.notEqual(waiting.connection.health().status, 'up', 'a connection that waits does not say that it is up');
    abort.abort();
    await stage.watch.within('the wait ends', assert.rejects(connecting, { code: 'TRANSPORT_CLOSED' }));
    await stage.watch.within('it can be closed', waiting.close());
  },
};

/** A broker that lives in the process answers at once. */
async function assertAlwaysThere(stage: Stage): Promise<void> {
  const application = stage.prepare();
  await stage.watch.within('one try ends', application.connection.connectOnce());
  assert.equal(application.connection.health().status, 'up');
}
