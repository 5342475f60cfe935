import { randomUUID } from 'node:crypto';
import { Kafka, logLevel, type Message, type Producer } from 'kafkajs';
import type { Figures } from '../figures.js';
import { orderOf } from '../order.js';
import { measureSending, sendAll } from '../outstanding.js';
import type { RowOrder } from './index.js';

const BATCH = 1_000;

/** The record that our publisher writes. */
const withId = (n: number): Message => ({ ...withoutHeaders(n), headers: { 'message-id': randomUUID() } });

const withoutHeaders = (n: number): Message => {
  const order = orderOf(n);
  return { key: order.orderId, value: JSON.stringify(order) };
};

/** One request per message. */
export const publishSingles = ({ messages, outstanding, brokers, topic }: RowOrder): Promise<Figures> =>
  withProducer(brokers, (producer) =>
    measureSending(messages, (from, to) =>
      sendAll(from, to, outstanding, (n) => producer.send({ topic, messages: [withId(n)] })),
    ),
  );

/** What somebody would write who has all messages at hand and time to tune: the rate nobody awaits a single message at. */
export const publishBatches = (order: RowOrder): Promise<Figures> => publishByThousands(order, withId);

export const publishBatchesWithoutHeaders = (order: RowOrder): Promise<Figures> =>
  publishByThousands(order, withoutHeaders);

function publishByThousands({ messages, brokers, topic }: RowOrder, messageOf: (n: number) => Message) {
  return withProducer(brokers, (producer) =>
    measureSending(messages, async (from, to) => {
      for (let first = from; first < to; first += BATCH) {
        const batch = Array.from({ length: Math.min(BATCH, to - first) }, (_, index) => messageOf(first + index));
        await producer.send({ topic, messages: batch });
      }
    }),
  );
}

async function withProducer<Result>(
  brokers: readonly string[],
  use: (producer: Producer) => Promise<Result>,
): Promise<Result> {
  const kafka = new Kafka({ brokers: [...brokers], logLevel: logLevel.NOTHING });
  const producer = kafka.producer({ allowAutoTopicCreation: false });
  await producer.connect();
  const result = await use(producer);
  await producer.disconnect();
  return result;
}
