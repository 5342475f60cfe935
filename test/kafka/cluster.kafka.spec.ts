import { setTimeout as pause } from 'node:timers/promises';
import type { OutgoingMessage } from 'nest-transport';
import { startKafka, type KafkaCluster } from '../brokers/kafka.mjs';
import { closeAll, connected, message, newTopic, TestSink, uniqueName, until } from './support.js';

let cluster: KafkaCluster;
beforeAll(async () => {
  cluster = await startKafka({ nodes: 3 });
}, 120_000);
afterAll(() => cluster.stop());
afterEach(closeAll);

const keyed = (topic: string, n: number): OutgoingMessage => message(topic, { key: `key-${n}` });

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
