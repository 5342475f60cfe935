import { randomUUID } from 'node:crypto';
import { AckPolicy, jetstream, jetstreamManager } from '@nats-io/jetstream';
import { connect, headers, type NatsConnection } from '@nats-io/transport-node';
import { nats } from 'nest-transport/nats';
import { Meter, type Figures } from '../figures.js';
import { orderOf, type Order } from '../order.js';
import { measureSending, sendAll } from '../outstanding.js';
import { consumeThrough, GROUP, publishThrough } from './broker-ours.js';
import type { RowOrder } from './index.js';

const servers = (): string => process.env['NATS_URL'] ?? '';
/** Fills a backlog faster than one publish at a time. */
const FILLERS = 1_000;

/** `js.publish` of @nats-io/jetstream, each awaited, with the headers that our publisher writes. */
export const publishNatsRaw = ({ messages, outstanding, topic }: RowOrder): Promise<Figures> =>
  withStream(topic, (connection) => {
    const send = publishing(connection, topic);
    return measureSending(messages, (from, to) => sendAll(from, to, outstanding, send));
  });

export const publishNatsOurs = (order: RowOrder): Promise<Figures> =>
  withStream(order.topic, () => publishThrough(nats({ servers: [servers()] }), order));

/** `consumer.consume()` and an acknowledgement for each message. */
export const consumeNatsRaw = ({ messages, topic }: RowOrder): Promise<Figures> =>
  withStream(topic, async (connection) => {
    await fill(connection, topic, messages);
    const manager = await jetstreamManager(connection);
    await manager.consumers.add(streamOf(topic), { durable_name: GROUP, ack_policy: AckPolicy.Explicit });
    const consumer = await jetstream(connection).consumers.get(streamOf(topic), GROUP);
    const meter = new Meter(messages);
    const received = await consumer.consume({ max_messages: 256 });
    void (async () => {
      for await (const message of received) {
        if (message.json<Order>().n > 0) meter.count();
        message.ack();
      }
    })();
    const figures = await meter.done;
    await received.close();
    return figures;
  });

export const consumeNatsOurs = (order: RowOrder): Promise<Figures> =>
  withStream(order.topic, (connection) =>
    consumeThrough(nats({ servers: [servers()], provision: {} }), order, () =>
      fill(connection, order.topic, order.messages),
    ),
  );

const streamOf = (topic: string): string => topic.replaceAll('.', '_');

async function withStream<Result>(
  topic: string,
  use: (connection: NatsConnection) => Promise<Result>,
): Promise<Result> {
  const connection = await connect({ servers: servers() });
  const manager = await jetstreamManager(connection);
  await manager.streams.add({ name: streamOf(topic), subjects: [topic] });
  try {
    return await use(connection);
  } finally {
    await manager.streams.delete(streamOf(topic));
    await connection.close();
  }
}

function publishing(connection: NatsConnection, topic: string): (n: number) => Promise<unknown> {
  const stream = jetstream(connection);
  return (n) => {
    const order = orderOf(n);
    const id = randomUUID();
    const carried = headers();
    carried.set('message-id', id);
    carried.set('message-key', order.orderId);
    return stream.publish(topic, JSON.stringify(order), { headers: carried, msgID: id });
  };
}

const fill = (connection: NatsConnection, topic: string, messages: number): Promise<void> =>
  sendAll(0, messages, FILLERS, publishing(connection, topic));
