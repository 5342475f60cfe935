import fc from 'fast-check';
import { GatheredAcks } from './gathered-acks.js';
import type { RabbitmqRecord } from '../mapping.js';

const recordOf = (deliveryTag: number): RabbitmqRecord => ({ fields: { deliveryTag } }) as RabbitmqRecord;

/** Simulates acks of one channel in RabbitMQ, which closes the channel for an unknown tag. */
function playedServer(deliveries: number) {
  const unacked = new Set(Array.from({ length: deliveries }, (_, index) => index + 1));
  const frames: string[] = [];
  const ack = ({ fields: { deliveryTag } }: RabbitmqRecord, upTo: boolean): void => {
    frames.push(`${deliveryTag}${upTo ? ' and before' : ''}`);
    if (!unacked.delete(deliveryTag)) throw new Error(`unknown delivery tag ${deliveryTag}`);
    if (upTo) for (const tag of unacked) if (tag < deliveryTag) unacked.delete(tag);
  };
  return { unacked, frames, ack };
}

describe('acks of one turn', () => {
  it('are one frame up to the first unsettled message, and single frames after it', () => {
    const { frames, unacked, ack } = playedServer(6);
    const acks = new GatheredAcks(ack);
    for (const tag of [2, 1, 3, 5]) acks.add(recordOf(tag));
    acks.flush();
    acks.add(recordOf(4));
    acks.flush();
    expect(frames).toEqual(['5', '3 and before', '4 and before']);
    expect([...unacked]).toEqual([6]);
  });

  it('are sent when the turn is over', async () => {
    const { frames, ack } = playedServer(2);
    const acks = new GatheredAcks(ack);
    for (const tag of [1, 2]) acks.add(recordOf(tag));
    expect(frames).toEqual([]);
    await new Promise((resolve) => setImmediate(resolve));
    expect(frames).toEqual(['2 and before']);
  });

  it('ack each acked message once and nothing else, in any order, also alongside requeued messages', () => {
    const deed = fc.record({ tag: fc.integer({ min: 1, max: 30 }), how: fc.constantFrom('ack', 'give back', 'flush') });
    fc.assert(
      fc.property(fc.array(deed, { maxLength: 80 }), (deeds) => {
        const { unacked, ack } = playedServer(30);
        const acks = new GatheredAcks(ack);
        const open = new Set(unacked);
        for (const { tag, how } of deeds) {
          if (how === 'flush') acks.flush();
          else if (!open.delete(tag)) continue;
          else if (how === 'ack') acks.add(recordOf(tag));
          else {
            acks.leaveOut(recordOf(tag));
            unacked.delete(tag);
          }
        }
        acks.flush();
        expect([...unacked]).toEqual([...open]);
      }),
    );
  });
});
