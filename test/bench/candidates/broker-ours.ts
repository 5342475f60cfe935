import { Controller } from '@nestjs/common';
import { Payload } from '@nestjs/microservices';
import { Publisher, Subscribe, type Broker } from 'nest-transport';
import { Meter, type Figures } from '../figures.js';
import { orderOf, type Order } from '../order.js';
import { measureSending, sendAll } from '../outstanding.js';
import type { RowOrder } from './index.js';
import { transportApp } from './nest-app.js';
import { plainOrder } from './order-event.js';

/** The group of every consuming row; each row has a topic of its own. */
export const GROUP = 'bench';

/** Our publisher with its defaults, each message awaited. */
export async function publishThrough(broker: Broker, { messages, outstanding, topic }: RowOrder): Promise<Figures> {
  const event = plainOrder(topic);
  const app = await transportApp(broker);
  const publisher = app.get(Publisher);
  const figures = await measureSending(messages, (from, to) =>
    sendAll(from, to, outstanding, (n) => publisher.publish(event, orderOf(n))),
  );
  await app.close();
  return figures;
}

/** `@Subscribe` with its defaults, on a backlog: `fill` runs when the group is there and nobody reads for it. */
export async function consumeThrough(
  broker: Broker,
  { messages, topic }: RowOrder,
  fill: () => Promise<void>,
): Promise<Figures> {
  const meter = new Meter(messages);

  @Controller()
  class Orders {
    @Subscribe(plainOrder(topic), { group: GROUP, deadLetterTopic: `${topic}.dead-letter` })
    take(@Payload() order: Order): void {
      if (order.n > 0) meter.count();
    }
  }

  await (await transportApp(broker, [Orders])).close();
  await fill();
  const app = await transportApp(broker, [Orders]);
  const figures = await meter.done;
  await app.close();
  return figures;
}
