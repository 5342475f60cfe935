import { randomUUID } from 'node:crypto';
import { ClientKafka } from '@nestjs/microservices';
import { logLevel } from 'kafkajs';
import { lastValueFrom } from 'rxjs';
import type { Figures } from '../figures.js';
import { orderOf } from '../order.js';
import { measureSending, sendAll } from '../outstanding.js';
import type { RowOrder } from './index.js';

/** Nest's built-in Kafka transport: `emit`, awaited, with the same key and header. */
export async function publishNest({ messages, outstanding, brokers, topic }: RowOrder): Promise<Figures> {
  const client = new ClientKafka({
    client: { brokers: [...brokers], logLevel: logLevel.NOTHING },
    producer: { allowAutoTopicCreation: false },
    producerOnlyMode: true,
  });
  await client.connect();
  const emit = (n: number): Promise<unknown> => {
    const order = orderOf(n);
    const message = { key: order.orderId, value: order, headers: { 'message-id': randomUUID() } };
    return lastValueFrom(client.emit(topic, message));
  };
  const figures = await measureSending(messages, (from, to) => sendAll(from, to, outstanding, emit));
  await client.close();
  return figures;
}
