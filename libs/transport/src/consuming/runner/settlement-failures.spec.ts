import { Notices, settlementFailed } from '../../contract/index.js';
import { ManualClock } from '../../testing/manual-clock.js';
import { SettlementFailures } from './settlement-failures.js';

const delivery = { topic: 'orders', group: 'stock', id: 'id-1\n', key: 'k', attempt: 1 };

function setUp() {
  const host = { clock: new ManualClock(), notices: new Notices(), broker: 'main' };
  const failures = new SettlementFailures(host);
  const fail = (times: number, broker = 'main'): void => {
    for (let time = 0; time < times; time++) {
      settlementFailed({ ...host, broker }, delivery, { kind: 'ack' }, new Error('the channel is closed'));
    }
  };
  return { ...host, failures, fail };
}

test('a settlement that fails is reported with its message, and why', () => {
  const { notices, fail } = setUp();
  const seen: unknown[] = [];
  notices.on('settlement:failed', (notice) => seen.push(notice));
  fail(1);
  expect(seen).toEqual([{ ...delivery, broker: 'main', settlement: 'ack', error: expect.any(Error) }]);
  expect((seen[0] as { error: Error }).error.message).toBe(
    'The ack of message id-1\\n of "orders" did not reach the broker, which can deliver the message again. the channel is closed (TRANSPORT_SETTLEMENT_FAILED)',
  );
});

test('settlements that fail repeatedly are a problem of their subscription, until a minute has passed without', () => {
  const { failures, clock, fail } = setUp();
  fail(2);
  expect(failures.problemOf('orders', 'stock')).toBeUndefined();
  fail(5, 'another broker');
  fail(1);
  expect(failures.problemOf('orders', 'stock')).toMatch(/^3 settlements of "orders" \(group "stock"\) failed/);
  expect(failures.problemOf('orders', 'billing')).toBeUndefined();
  clock.advance(60_000);
  expect(failures.problemOf('orders', 'stock')).toBeUndefined();
});
