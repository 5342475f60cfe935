import { Publisher } from 'nest-transport';
import { kafka } from 'nest-transport/kafka';
import type { Figures } from '../figures.js';
import { orderOf } from '../order.js';
import { measureSending, sendAll } from '../outstanding.js';
import type { RowOrder } from './index.js';
import { transportApp } from './nest-app.js';
import { plainOrder } from './order-event.js';

/** Our publisher with its defaults: each message awaited, acks=all, idempotent. */
export async function publishOurs({ messages, outstanding, brokers, topic }: RowOrder): Promise<Figures> {
  const event = plainOrder(topic);
  const app = await transportApp(kafka({ brokers }));
  const publisher = app.get(Publisher);
  const figures = await measureSending(messages, (from, to) =>
    sendAll(from, to, outstanding, (n) => publisher.publish(event, orderOf(n))),
  );
  await app.close();
  return figures;
}
