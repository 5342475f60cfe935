import fc from 'fast-check';
import { GatheredAcks } from './gathered-acks.js';
import type { RabbitmqRecord } from '../mapping.js';

const recordOf = (deliveryTag: number): RabbitmqRecord => ({ fields: { deliveryTag } }) as RabbitmqRecord;

/** What RabbitMQ does with the acks of one channel: a tag that it does not wait for costs the channel. */
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
  it('are one frame where nothing before them is unsettled, and single ones behind what is', () => {
    const { frames, unacked, ack } = playedServer(6);
    const acks = new GatheredAcks(ack);
    for (const tag of [2, 1, 3, 5]) acks.add(recordOf(tag));
    acks.flush();
    acks.add(recordOf(4));
    acks.flush();
    expect(frames).toEqual(['5', '3 and before', '4 and before']);
    expect([...unacked]).toEqual([6]);
  });

  it('leave by themselves when the turn is over', async () => {
    const { frames, ack } = playedServer(2);
    const acks = new GatheredAcks(ack);
    for (const tag of [1, 2]) acks.add(recordOf(tag));
    expect(frames).toEqual([]);
    await new Promise((resolve) => setImmediate(resolve));
    expect(frames).toEqual(['2 and before']);
  });

  it('ack what was acked and nothing else, each once, in any order, also beside messages that are given back', () => {
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
