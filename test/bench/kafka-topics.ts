import { randomUUID } from 'node:crypto';
import { setTimeout as pause } from 'node:timers/promises';
import { Kafka, logLevel } from 'kafkajs';
import { uniqueName } from '../../tools/brokers/names.mjs';
import { orderOf } from './order.js';

const PARTITIONS = 6;
const BATCH = 5_000;
const KNOWN_WITHIN_MS = 30_000;

/** Topics of one bench; all are deleted at its end, for the broker may be somebody's. */
export class BenchTopics {
  readonly #kafka: Kafka;
  readonly #made: string[] = [];

  constructor(brokers: readonly string[]) {
    this.#kafka = new Kafka({ brokers: [...brokers], logLevel: logLevel.NOTHING });
  }

  /** A topic and its dead-letter topic. */
  async create(): Promise<string> {
    const topic = uniqueName('bench');
    const names = [topic, `${topic}.dead-letter`];
    const topics = names.map((name) => ({ topic: name, numPartitions: PARTITIONS, replicationFactor: 1 }));
    await this.#withAdmin(async (admin) => {
      await admin.createTopics({ waitForLeaders: false, topics });
      await untilKnown(admin, names);
    });
    this.#made.push(...names);
    return topic;
  }

  /** A topic that holds so many orders, as our publisher writes them. */
  async createFull(messages: number): Promise<string> {
    const topic = await this.create();
    const producer = this.#kafka.producer({ allowAutoTopicCreation: false });
    await producer.connect();
    for (let first = 0; first < messages; first += BATCH) {
      const batch = Array.from({ length: Math.min(BATCH, messages - first) }, (_, index) => recordOf(first + index));
      await producer.send({ topic, messages: batch });
    }
    await producer.disconnect();
    return topic;
  }

  async deleteAll(): Promise<void> {
    await this.#withAdmin((admin) => admin.deleteTopics({ topics: this.#made.splice(0) }));
  }

  async #withAdmin(act: (admin: ReturnType<Kafka['admin']>) => Promise<unknown>): Promise<void> {
    const admin = this.#kafka.admin();
    await admin.connect();
    await act(admin).finally(() => admin.disconnect());
  }
}

/** n.b. kafkajs, which can wait by itself, fails where the broker has not heard of the topic yet. */
async function untilKnown(admin: ReturnType<Kafka['admin']>, topics: string[]): Promise<void> {
  for (const deadline = Date.now() + KNOWN_WITHIN_MS; ; await pause(50)) {
    try {
      return void (await admin.fetchTopicMetadata({ topics }));
    } catch (error) {
      if (Date.now() > deadline) throw error;
    }
  }
}

function recordOf(n: number) {
  const order = orderOf(n);
  return { key: order.orderId, value: JSON.stringify(order), headers: { 'message-id': randomUUID() } };
}
