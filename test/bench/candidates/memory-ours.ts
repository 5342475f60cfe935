import { Controller } from '@nestjs/common';
import { Payload } from '@nestjs/microservices';
import { Publisher, Subscribe } from 'nest-transport';
import { memory } from 'nest-transport/memory';
import type { Figures } from '../figures.js';
import { OrderCheck, orderOf, type Order } from '../order.js';
import { measureSending, sendAll } from '../outstanding.js';
import type { RowOrder } from './index.js';
import { transportApp } from './nest-app.js';
import { checkedOrder } from './order-event.js';

/** Resolves when so many messages were handled. */
class Handled {
  #seen = 0;
  #goal = Infinity;
  #reached: () => void = () => undefined;

  count(): void {
    if (++this.#seen === this.#goal) this.#reached();
  }

  reach(goal: number): Promise<void> {
    this.#goal = goal;
    return new Promise((resolve) => {
      this.#reached = resolve;
      if (this.#seen >= goal) resolve();
    });
  }
}

/** Publishes and handles in one process, through codec, schema, key order and Nest, each message awaited. */
export async function memoryOurs({ messages, outstanding, topic }: RowOrder): Promise<Figures> {
  const event = checkedOrder(topic);
  const check = new OrderCheck();
  const handled = new Handled();

  @Controller()
  class Orders {
    @Subscribe(event)
    take(@Payload() order: Order): void {
      check.see(order);
      handled.count();
    }
  }

  const app = await transportApp(memory(), [Orders]);
  const publisher = app.get(Publisher);
  const figures = await measureSending(messages, async (from, to) => {
    await sendAll(from, to, outstanding, (n) => publisher.publish(event, orderOf(n)));
    await handled.reach(to);
  });
  await app.close();
  return { ...figures, notes: { violations: check.violations } };
}
