import assert from 'node:assert/strict';
import type { ConformanceCase } from '../conformance-case.js';

export const aRefusedSettlementIsReported: ConformanceCase = {
  name: 'a-refused-settlement-is-reported',
  title: 'reports a settlement that the broker refuses once, goes on with other messages, and delivers this one again',
  async run(stage) {
    const publisher = await stage.publisher();
    const heal = stage.faults.refuseSettlements(stage.topic);
    const refused = await stage.published(
      () => publisher.publish(stage.topic, { n: 0 }, { key: 'a' }),
      () => stage.subscribe(),
    );
    const failures = () => refused.noticesOf('settlement:failed');
    await stage.until('it is reported', () => failures().length > 0);
    heal();
    await publisher.publish(stage.topic, { n: 1 }, { key: 'b' });
    await stage.until('the next message is handled', () => refused.numbers.includes(1));
    await refused.close();
    assert.deepEqual(
      failures().map(({ settlement, id, error: { code } }) => ({ settlement, id, code })),
      [{ settlement: 'ack', id: refused.received[0]?.id, code: 'TRANSPORT_SETTLEMENT_FAILED' }],
      'one settlement failed, and is reported once',
    );
    if (!stage.isKept) return;
    const next = await stage.subscribe();
    await stage.until('the message is delivered again', () => next.numbers.includes(0));
  },
};
