import { randomUUID } from 'node:crypto';
import { connect, type ConfirmChannel } from 'amqplib';
import { rabbitmq } from 'nest-transport/rabbitmq';
import { Meter, type Figures } from '../figures.js';
import { orderOf, type Order } from '../order.js';
import { measureSending, sendAll } from '../outstanding.js';
import { consumeThrough, publishThrough } from './broker-ours.js';
import type { RowOrder } from './index.js';

const url = (): string => process.env['RABBITMQ_URL'] ?? '';
/** The exchange and the type of queue that our driver makes, for both sides alike. */
const EXCHANGE = 'nest-transport';
const QUORUM = { durable: true, arguments: { 'x-queue-type': 'quorum' } } as const;
const FILLERS = 1_000;
const PREFETCH = 256;

/** amqplib's confirm channel, each message awaited: persistent, mandatory, into a quorum queue. */
export const publishRabbitmqRaw = ({ messages, outstanding, topic }: RowOrder): Promise<Figures> =>
  withQueue(topic, topic, (channel) =>
    measureSending(messages, (from, to) => sendAll(from, to, outstanding, (n) => publish(channel, topic, n))),
  );

export const publishRabbitmqOurs = (order: RowOrder): Promise<Figures> =>
  withQueue(order.topic, order.topic, () => publishThrough(rabbitmq({ url: url() }), order));

/** `channel.consume` with a prefetch of 256 and an acknowledgement for each message. */
export const consumeRabbitmqRaw = ({ messages, topic }: RowOrder): Promise<Figures> =>
  withQueue(topic, topic, async (channel) => {
    await fill(channel, topic, messages);
    const meter = new Meter(messages);
    await channel.prefetch(PREFETCH);
    await channel.consume(topic, (message) => {
      if (message === null) return;
      if ((JSON.parse(message.content.toString()) as Order).n > 0) meter.count();
      channel.ack(message);
    });
    return meter.done;
  });

export const consumeRabbitmqOurs = (order: RowOrder): Promise<Figures> =>
  withChannel((channel) =>
    consumeThrough(rabbitmq({ url: url() }), order, () => fill(channel, order.topic, order.messages)),
  );

async function withQueue<Result>(
  topic: string,
  queue: string,
  use: (channel: ConfirmChannel) => Promise<Result>,
): Promise<Result> {
  return withChannel(async (channel) => {
    await channel.assertExchange(EXCHANGE, 'topic', { durable: true });
    await channel.assertQueue(queue, QUORUM);
    await channel.bindQueue(queue, EXCHANGE, topic);
    const result = await use(channel);
    await channel.deleteQueue(queue);
    return result;
  });
}

async function withChannel<Result>(use: (channel: ConfirmChannel) => Promise<Result>): Promise<Result> {
  const connection = await connect(url());
  const channel = await connection.createConfirmChannel();
  const result = await use(channel);
  await connection.close();
  return result;
}

const fill = (channel: ConfirmChannel, topic: string, messages: number): Promise<void> =>
  sendAll(0, messages, FILLERS, (n) => publish(channel, topic, n));

function publish(channel: ConfirmChannel, topic: string, n: number): Promise<void> {
  const order = orderOf(n);
  const options = {
    persistent: true,
    mandatory: true,
    messageId: randomUUID(),
    headers: { 'message-key': order.orderId },
  };
  return new Promise((resolve, reject) => {
    channel.publish(EXCHANGE, topic, Buffer.from(JSON.stringify(order)), options, (error: Error | null) =>
      error === null ? resolve() : reject(error),
    );
  });
}
