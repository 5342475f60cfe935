import { randomUUID } from 'node:crypto';
import { Controller } from '@nestjs/common';
import { Payload } from '@nestjs/microservices';
import { Subscribe } from 'nest-transport';
import { kafka } from 'nest-transport/kafka';
import { Meter, type Figures } from '../figures.js';
import { OrderCheck, type Order } from '../order.js';
import { FETCH, FETCH_WAIT_MS } from './fetch-settings.js';
import type { RowOrder } from './index.js';
import { transportApp } from './nest-app.js';
import { plainOrder } from './order-event.js';

/** `@Subscribe` with its defaults: key order, retries, dead letters, commits of what is done and nothing else. */
export async function consumeOurs({ messages, brokers, topic }: RowOrder): Promise<Figures> {
  const check = new OrderCheck();
  const meter = new Meter(messages);

  @Controller()
  class Orders {
    @Subscribe(plainOrder(topic), { group: `bench-${randomUUID()}`, deadLetterTopic: `${topic}.dead-letter` })
    take(@Payload() order: Order): void {
      check.see(order);
      meter.count();
    }
  }

  const app = await transportApp(kafka({ brokers, ...FETCH, maxWaitMs: FETCH_WAIT_MS }), [Orders]);
  const figures = await meter.done;
  await app.close();
  return { ...figures, notes: { violations: check.violations } };
}
