import { EventEmitter } from 'node:events';
import type { ChannelModel, ConsumeMessage } from 'amqplib';
import { ManualClock } from '../../../testing/manual-clock.js';
import { QueueReader } from './queue-reader.js';

const PREFETCH = 40;

/** A channel whose server the test simulates. */
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

describe('a channel that the server closes before the consumer is placed', () => {
  it('makes open() fail, and does not call ended() too', async () => {
    const channel = new PlayedChannel();
    const refusal = new Error('ACCESS_REFUSED');
    channel.consume = () => {
      channel.emit('error', refusal);
      channel.emit('close');
      return Promise.reject(new Error('Channel closed by server'));
    };
    const model = { createChannel: () => Promise.resolve(channel) } as unknown as ChannelModel;
    const ends: unknown[] = [];
    const events = { record: () => undefined, ended: (failure: unknown) => void ends.push(failure) };
    const opening = QueueReader.open({ model, clock: new ManualClock(), queue: 'q', prefetch: PREFETCH, events });
    await expect(opening).rejects.toBe(refusal);
    expect(ends).toEqual([]);
  });

  it('makes open() fail even after the server confirmed the consumer', async () => {
    const channel = new PlayedChannel();
    channel.consume = () => {
      const answer = Promise.resolve({ consumerTag: 'c' });
      channel.emit('close');
      return answer;
    };
    const model = { createChannel: () => Promise.resolve(channel) } as unknown as ChannelModel;
    const ends: unknown[] = [];
    const events = { record: () => undefined, ended: (failure: unknown) => void ends.push(failure) };
    const opening = QueueReader.open({ model, clock: new ManualClock(), queue: 'q', prefetch: PREFETCH, events });
    await expect(opening).rejects.toThrow('closed');
    expect(ends).toEqual([]);
  });
});

/** A reader with a full prefetch that has just settled everything. */
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

describe('the close of a channel after many settlements', () => {
  it('happens as soon as the server has filled the prefetch again, which shows that it processed all settlements', async () => {
    const { channel, records, reader, give } = await settledReader();
    const closed = reader.close();
    give(PREFETCH - 1);
    expect(channel.isClosed).toBe(false);
    give(1);
    await closed;
    expect(channel.isClosed).toBe(true);
    expect(records).toHaveLength(PREFETCH);
  });

  it('happens a little later when the server has no more messages', async () => {
    const { channel, clock, reader } = await settledReader();
    const closed = reader.close();
    expect(channel.isClosed).toBe(false);
    clock.advance(200);
    await closed;
    expect(channel.isClosed).toBe(true);
  });
});
