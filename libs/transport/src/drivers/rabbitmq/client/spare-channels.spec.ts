import { EventEmitter } from 'node:events';
import type { ChannelModel } from 'amqplib';
import { SpareChannels } from './spare-channels.js';

function modelOf() {
  const opened: (EventEmitter & { isClosed: boolean })[] = [];
  const createChannel = async (): Promise<EventEmitter> => {
    const channel = Object.assign(new EventEmitter(), {
      isClosed: false,
      close: async () => {
        channel.isClosed = true;
        channel.emit('close');
      },
    });
    opened.push(channel);
    return channel;
  };
  return { opened, model: { createChannel } as unknown as ChannelModel };
}

describe('channels for declarations and checks', () => {
  it('are used again: one check after the other opens one channel', async () => {
    const { opened, model } = modelOf();
    const channels = new SpareChannels();
    for (let check = 0; check < 20; check++) await channels.use(model, async () => undefined);
    expect(opened).toHaveLength(1);
  });

  it('are never shared by two at a time, and few of them are kept', async () => {
    const { opened, model } = modelOf();
    const channels = new SpareChannels();
    const seen = await Promise.all(Array.from({ length: 6 }, () => channels.use(model, async (channel) => channel)));
    expect(new Set(seen).size).toBe(6);
    expect(opened.filter(({ isClosed }) => !isClosed)).toHaveLength(4);
  });

  it('that the server closed, or of another connection, are not used again', async () => {
    const [first, second] = [modelOf(), modelOf()];
    const channels = new SpareChannels();
    const refusal = new Error('404');
    const refused = channels.use(first.model, async () => {
      first.opened[0]?.emit('error', refusal);
      first.opened[0]?.emit('close');
      throw new Error('channel closed');
    });
    await expect(refused).rejects.toBe(refusal);
    await channels.use(first.model, async () => undefined);
    await channels.use(second.model, async () => undefined);
    expect([first.opened.length, second.opened.length]).toEqual([2, 1]);
  });
});
