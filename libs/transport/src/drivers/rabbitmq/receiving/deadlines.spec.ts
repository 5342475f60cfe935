import type { DeliveryState } from '../../../contract/index.js';
import { ManualClock } from '../../../testing/manual-clock.js';
import { Deadlines, lateOf } from './deadlines.js';
import { RabbitmqDelivery } from './delivery.js';

const owner = { settled: (): void => undefined, parked: (): void => undefined, mayBegin: () => true };

function delivery(id: string, receivedAtMs: number, state: DeliveryState, key?: string): RabbitmqDelivery {
  const headers = key === undefined ? {} : { 'message-key': key };
  const fields = { deliveryTag: 1, redelivered: false, exchange: 'x', routingKey: 't', consumerTag: 'c' };
  const record = { content: Buffer.from(id), fields, properties: { messageId: id, headers } };
  return Object.assign(new RabbitmqDelivery(owner, record, 't', 'g', 1, receivedAtMs), { state });
}

const ids = (deliveries: readonly RabbitmqDelivery[]): string[] => deliveries.map(({ id }) => id);

describe('messages that are requeued before consumer_timeout', () => {
  it('are those that arrived too long ago and are unsettled', () => {
    const all = [delivery('queued', 0, 'queued'), delivery('settled', 0, 'settled'), delivery('young', 11, 'queued')];
    expect(ids(lateOf(all, 10))).toEqual(['queued']);
  });

  it('include those that wait behind them with the same key, so that the order is kept', () => {
    const all = [
      delivery('late', 0, 'parked', 'a'),
      delivery('behind', 20, 'queued', 'a'),
      delivery('other key', 20, 'queued', 'b'),
      delivery('no key', 20, 'queued'),
    ];
    expect(ids(lateOf(all, 10))).toEqual(['late', 'behind']);
  });

  it('are requeued at nine tenths of consumer_timeout, and not before', () => {
    const clock = new ManualClock();
    const held = delivery('held', clock.monotonicMs(), 'running');
    const told: string[][] = [];
    const deadlines = new Deadlines(
      clock,
      1_000,
      () => [held].filter(({ state }) => state === 'running'),
      (late) => {
        told.push(ids(late));
        for (const each of late) each.revoke();
      },
    );
    clock.advance(880);
    expect(told).toEqual([]);
    clock.advance(120);
    expect(told).toEqual([['held']]);
    deadlines.stop();
    expect(clock.pending).toBe(0);
  });
});
