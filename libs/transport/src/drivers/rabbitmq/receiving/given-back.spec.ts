import { RabbitmqDelivery } from './delivery.js';
import { GivenBack } from './given-back.js';
import { pastOf } from '../mapping.js';

const owner = { settled: (): void => undefined, parked: (): void => undefined, mayBegin: () => true };

/** A message as a quorum queue delivers it after this many deliveries. */
function delivered(id: string, deliveries: number): RabbitmqDelivery {
  const fields = { deliveryTag: 1, redelivered: deliveries > 0, exchange: 'x', routingKey: 't', consumerTag: 'c' };
  const headers = deliveries === 0 ? {} : { 'x-delivery-count': deliveries };
  const record = { content: Buffer.from('{}'), fields, properties: { messageId: id, headers } };
  return new RabbitmqDelivery(owner, record, 't', 'g', pastOf(record).attempts + 1, 0);
}

describe('a message that was requeued unsettled and returns to the same process', () => {
  it('keeps its attempt if no handler started, though the broker counts one more', () => {
    const givenBack = new GivenBack();
    givenBack.remember(delivered('m', 0));
    const again = delivered('m', 1);
    expect(again.attempt).toBe(2);
    givenBack.recall(again);
    expect(again.attempt).toBe(1);
  });

  it('has the next attempt if its handler was running', () => {
    const givenBack = new GivenBack();
    givenBack.remember(Object.assign(delivered('m', 0), { state: 'running', attempt: 3 }));
    const again = delivered('m', 1);
    givenBack.recall(again);
    expect(again.attempt).toBe(4);
  });

  it('keeps waiting if it waited for its next attempt', () => {
    const givenBack = new GivenBack();
    givenBack.remember(Object.assign(delivered('m', 0), { state: 'parked', attempt: 2, notBeforeMs: 5_000 }));
    const again = delivered('m', 1);
    givenBack.recall(again);
    expect([again.attempt, again.notBeforeMs]).toEqual([2, 5_000]);
  });

  it('has the attempt that the broker counts after another consumer had it', () => {
    const givenBack = new GivenBack();
    givenBack.remember(delivered('m', 0));
    const again = delivered('m', 2);
    givenBack.recall(again);
    expect(again.attempt).toBe(3);
  });

  it('is remembered once', () => {
    const givenBack = new GivenBack();
    givenBack.remember(delivered('m', 0));
    givenBack.recall(delivered('m', 1));
    const later = delivered('m', 1);
    givenBack.recall(later);
    expect(later.attempt).toBe(2);
  });
});
