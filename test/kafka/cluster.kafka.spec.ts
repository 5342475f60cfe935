import { setTimeout as pause } from 'node:timers/promises';
import type { OutgoingMessage, Producer } from 'nest-transport';
import { startKafka, type KafkaCluster } from '../../tools/brokers/kafka.mjs';
import { closeAll, connected, message, newTopic, TestSink, uniqueName, until, withAdmin } from './support.js';

let cluster: KafkaCluster;
beforeAll(async () => {
  cluster = await startKafka({ nodes: 3 });
}, 120_000);
afterAll(() => cluster.stop());
afterEach(closeAll);

const keyed = (topic: string, n: number): OutgoingMessage => message(topic, { key: `key-${n}` });

/** A message for each of six partitions every 50 ms, in one call of `send` after the other. */
class Stream {
  readonly confirmed = new Set<string>();
  readonly #producer: Producer;
  readonly #waiting: OutgoingMessage[] = [];
  readonly #timer: NodeJS.Timeout;
  readonly #ended: Promise<void>;
  #isOver = false;

  constructor(producer: Producer, topic: string) {
    this.#producer = producer;
    let count = 0;
    this.#timer = setInterval(() => {
      for (let partition = 0; partition < 6; partition++) {
        const id = `${topic}/${partition}#${count++}`;
        this.#waiting.push(message(topic, { id, partition, key: `key-${partition}`, headers: { 'message-id': id } }));
      }
    }, 50);
    this.#ended = this.#sendAll();
  }

  async end(): Promise<void> {
    this.#isOver = true;
    clearInterval(this.#timer);
    await this.#ended;
  }

  async #sendAll(): Promise<void> {
    for (; !this.#isOver || this.#waiting.length > 0; await pause(5)) {
      const sent = this.#waiting.splice(0);
      const next = (limit: number): OutgoingMessage[] => {
        const more = this.#waiting.splice(0, limit);
        sent.push(...more);
        return more;
      };
      const first = [...sent];
      if (first.length === 0) continue;
      const results = await this.#producer.send(first, { stored: (index) => this.#confirm(sent[index]), next });
      results.forEach((result, index) => result instanceof Error || this.#confirm(sent[index]));
    }
  }

  #confirm(stored: OutgoingMessage | undefined): void {
    if (stored !== undefined) this.confirmed.add(stored.id);
  }
}

describe('three nodes', () => {
  it('a group that starts with what is new misses nothing that is published after consume() has resolved', async () => {
    const topic = await newTopic(6, {}, cluster.brokers);
    const publisher = await connected({ brokers: cluster.brokers });
    const member = await connected({ brokers: cluster.brokers });
    const missed: string[] = [];
    for (let round = 0; round < 8; round++) {
      const sink = new TestSink();
      const consumption = await member.consume(uniqueName('new'), [
        topic,
        sink,
        { startFrom: 'new', ordering: 'none' },
      ]);
      const published = Array.from({ length: 60 }, (_, n) => keyed(topic, n));
      for (const one of published) await publisher.send(one);
      await until('all have come', () => sink.done.length >= published.length, 10_000).catch(() => undefined);
      missed.push(...published.map(({ id }) => id).filter((id) => !sink.doneIds.includes(id)));
      await consumption.close();
    }
    expect(missed).toEqual([]);
  }, 120_000);

  it('a node that is stopped holds up no partition longer than the cluster needs to elect others, and costs nothing', async () => {
    const topic = await newTopic(6, {}, cluster.brokers);
    const consumer = await connected({ brokers: cluster.brokers });
    const sink = new TestSink();
    await consumer.consume(uniqueName('group'), [topic, sink]);
    const side = await connected({ brokers: cluster.brokers });
    const stream = new Stream(side.connection.producer, topic);
    await until('all partitions are handled', () => sink.done.length > 60);
    const [first] = await withAdmin((admin) => admin.fetchTopicMetadata({ topics: [topic] }), cluster.brokers).then(
      ({ topics }) => topics[0]?.partitions ?? [],
    );
    // n.b. not node 1, which as a rule leads the controllers: without those the cluster itself needs half a minute.
    const frozen = first?.leader === 1 ? 1 : (first?.leader ?? 2) - 1;
    cluster.freeze(frozen);
    try {
      await pause(1_000);
      const before = new Map<number, number>();
      for (const { partition = 0 } of sink.done) before.set(partition, (before.get(partition) ?? 0) + 1);
      const goesOn = (partition: number): boolean =>
        sink.done.filter((delivery) => delivery.partition === partition).length > (before.get(partition) ?? 0) + 20;
      await until('all partitions go on', () => [0, 1, 2, 3, 4, 5].every(goesOn), 50_000);
    } finally {
      cluster.thaw(frozen);
      await stream.end();
    }
    await until('all that was confirmed is handled', () => {
      const done = new Set(sink.doneIds);
      return [...stream.confirmed].every((id) => done.has(id));
    });
    expect(stream.confirmed.size).toBeGreaterThan(300);
    expect(sink.doneIds.length).toBe(new Set(sink.doneIds).size);
    for (let partition = 0; partition < 6; partition++) {
      const numbers = sink.doneIds.filter((id) => id.includes(`/${partition}#`)).map((id) => Number(id.split('#')[1]));
      expect(numbers).toEqual([...numbers].sort((a, b) => a - b));
    }
  }, 120_000);

  it('a node that is killed costs no message and no order, and those led by other nodes are handled meanwhile', async () => {
    const topic = await newTopic(6, {}, cluster.brokers);
    const side = await connected({ brokers: cluster.brokers, sessionTimeoutMs: 6_000 });
    const sink = new TestSink();
    await side.consume(uniqueName('group'), [topic, sink]);
    const publisher = await connected({ brokers: cluster.brokers });
    const published: string[] = [];
    const failed: unknown[] = [];
    const publish = async (n: number): Promise<void> => {
      const one = message(topic, {
        key: `key-${n % 50}`,
        id: `${topic}#${n}`,
        headers: { 'message-id': `${topic}#${n}` },
      });
      const [result] = await publisher.send(one);
      if (result instanceof Error) failed.push(result);
      else published.push(one.id);
    };
    for (let n = 0; n < 300; n++) await publish(n);
    await cluster.kill(2);
    for (let n = 300; n < 600; n++) await publish(n);
    await until(
      'all that were confirmed are handled',
      () => published.every((id) => sink.doneIds.includes(id)),
      60_000,
    );
    const firsts = [...new Set(sink.doneIds)].map((id) => Number(id.split('#')[1]));
    for (let key = 0; key < 50; key++) {
      const ofKey = firsts.filter((n) => n % 50 === key);
      expect(ofKey).toEqual([...ofKey].sort((a, b) => a - b));
    }
    await cluster.restart(2);
    await pause(1);
  }, 180_000);
});
