import { EventEmitter } from 'node:events';
import type { ChannelModel, ConsumeMessage } from 'amqplib';
import { ManualClock } from '../../testing/manual-clock.js';
import { QueueReader } from './queue-reader.js';

const PREFETCH = 40;

/** A channel that a test plays the server of. */
class PlayedChannel extends EventEmitter {
  give: (message: ConsumeMessage) => void = () => undefined;
  isClosed = false;
  prefetch = (): Promise<void> => Promise.resolve();
  ack = (): void => undefined;
  consume(_queue: string, take: (message: ConsumeMessage) => void): Promise<{ consumerTag: string }> {
    this.give = take;
    return Promise.resolve({ consumerTag: 'c' });
  }
  close(): Promise<void> {
    this.isClosed = true;
    return Promise.resolve();
  }
}

/** A reader that has its hand full, and has just settled everything in it. */
async function settledReader() {
  const channel = new PlayedChannel();
  const clock = new ManualClock();
  const records: ConsumeMessage[] = [];
  const model = { createChannel: () => Promise.resolve(channel) } as unknown as ChannelModel;
  const events = { record: (record: unknown) => void records.push(record as ConsumeMessage), ended: () => undefined };
  const reader = await QueueReader.open({ model, clock, queue: 'q', prefetch: PREFETCH, events });
  let tag = 0;
  const give = (count: number): void => {
    for (let n = 0; n < count; n++) channel.give({ fields: { deliveryTag: ++tag } } as ConsumeMessage);
  };
  give(PREFETCH);
  for (const record of [...records]) reader.ack(record);
  return { channel, clock, records, reader, give };
}

describe('the end of a channel after many settlements', () => {
  it('comes as soon as the server has given as much again: then it has settled everything', async () => {
    const { channel, records, reader, give } = await settledReader();
    const closed = reader.close();
    give(PREFETCH - 1);
    expect(channel.isClosed).toBe(false);
    give(1);
    await closed;
    expect(channel.isClosed).toBe(true);
    expect(records).toHaveLength(PREFETCH);
  });

  it('comes a little later where the server has nothing more to give', async () => {
    const { channel, clock, reader } = await settledReader();
    const closed = reader.close();
    expect(channel.isClosed).toBe(false);
    clock.advance(200);
    await closed;
    expect(channel.isClosed).toBe(true);
  });
});
