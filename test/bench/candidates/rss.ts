import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { Controller } from '@nestjs/common';
import { Payload } from '@nestjs/microservices';
import { Subscribe } from 'nest-transport';
import { kafka } from 'nest-transport/kafka';
import { Meter, type Figures } from '../figures.js';
import { orderOf, type Order } from '../order.js';
import { growthOf } from '../memory-growth.js';
import type { RowOrder } from './index.js';
import { transportApp } from './nest-app.js';
import { plainOrder } from './order-event.js';

const WORK_MS = 1;
const SAMPLE_MS = 200;
/** Five attempts with these waits: the key stays parked for seconds, and ends as a dead letter. */
const POISON = orderOf(7).n;
const SLOW_RETRY = { initialDelayMs: 1_000, maxDelayMs: 8_000 };

/** A backlog that comes faster than it is handled. */
export const slowHandler = (order: RowOrder): Promise<Figures> => watchMemory(order, () => false);

/** The same, and the first message of one key never works: its key is parked, and its partition fills up behind it. */
export const poisonKey = (order: RowOrder): Promise<Figures> => watchMemory(order, ({ n }) => n === POISON);

async function watchMemory(
  { messages, brokers, topic }: RowOrder,
  isPoison: (order: Order) => boolean,
): Promise<Figures> {
  let poisoned = 0;
  // n.b. the poison message itself never ends well, so it is counted when it is first seen.
  const meter = new Meter(messages);

  @Controller()
  class Orders {
    @Subscribe(plainOrder(topic), {
      group: `bench-${randomUUID()}`,
      deadLetterTopic: `${topic}.dead-letter`,
      concurrency: 16,
      retry: SLOW_RETRY,
    })
    async take(@Payload() order: Order): Promise<void> {
      await sleep(WORK_MS);
      if (!isPoison(order)) return meter.count();
      if (poisoned++ === 0) meter.count();
      throw new Error('this message never works');
    }
  }

  const app = await transportApp(kafka({ brokers }), [Orders]);
  const samples: number[] = [];
  const sampler = setInterval(() => samples.push(process.memoryUsage.rss()), SAMPLE_MS);
  const figures = await meter.done;
  clearInterval(sampler);
  await app.close();
  return { ...figures, notes: { attempts: poisoned, ...growthOf(samples) } };
}
