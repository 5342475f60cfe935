import { randomUUID } from 'node:crypto';
import { Kafka, logLevel, type Consumer, type ConsumerRunConfig } from 'kafkajs';
import { Meter, type Figures } from '../figures.js';
import { OrderCheck, type Order } from '../order.js';
import { FETCH, FETCH_WAIT_MS } from './fetch-settings.js';
import type { RowOrder } from './index.js';

type Take = (value: Buffer | null) => void;

/** kafkajs as its first page shows it, and JSON.parse. One message at a time, no retry, no dead letter. */
export const consumeEachMessage = (order: RowOrder): Promise<Figures> =>
  consume(order, (take) => ({
    eachMessage: ({ message }) => {
      take(message.value);
      return Promise.resolve();
    },
  }));

/** The fastest that kafkajs allows. */
export const consumeEachBatch = (order: RowOrder): Promise<Figures> =>
  consume(order, (take) => ({
    eachBatch: ({ batch }) => {
      for (const { value } of batch.messages) take(value);
      return Promise.resolve();
    },
  }));

async function consume(
  { messages, brokers, topic }: RowOrder,
  configOf: (take: Take) => ConsumerRunConfig,
): Promise<Figures> {
  const check = new OrderCheck();
  const meter = new Meter(messages);
  const consumer = newConsumer(brokers);
  await consumer.connect();
  await consumer.subscribe({ topics: [topic], fromBeginning: true });
  await consumer.run(
    configOf((value) => {
      check.see(JSON.parse(String(value)) as Order);
      meter.count();
    }),
  );
  const figures = await meter.done;
  await consumer.disconnect();
  return { ...figures, notes: { violations: check.violations } };
}

function newConsumer(brokers: readonly string[]): Consumer {
  const kafka = new Kafka({ brokers: [...brokers], logLevel: logLevel.NOTHING });
  return kafka.consumer({ groupId: `bench-${randomUUID()}`, ...FETCH, maxWaitTimeInMs: FETCH_WAIT_MS });
}
