import { setTimeout as pause } from 'node:timers/promises';
import type { Delivery, DeliverySink } from 'nest-transport';
import { startNats, type NatsCluster } from '../../tools/brokers/nats.mjs';
import { closeAll, connected, manager, message, TestSink, uniqueName, until } from './support.js';

const KEYS = 20;
let cluster: NatsCluster;
/** Nodes that a test took away. */
const stopped: number[] = [];
beforeAll(async () => {
  cluster = await startNats({ nodes: 3, config: { lame_duck_duration: '30s', lame_duck_grace_period: '2s' } });
}, 180_000);
afterAll(() => cluster.stop());
afterEach(async () => {
  await closeAll();
  for (const node of stopped.splice(0)) await cluster.restart(node);
}, 120_000);

const onto = () => ({ servers: cluster.urls });

async function leaderOf(topic: string): Promise<number> {
  const jsm = await manager(cluster.urls[0]);
  const { cluster: place } = await jsm.streams.info(await jsm.streams.find(topic));
  return cluster.nodeNamed(place?.leader ?? '');
}

/** The order in which each key was handled, by the number in the id. */
function byKey(ids: readonly string[]): number[][] {
  const numbers = [...new Set(ids)].map((id) => Number(id.split('#')[1]));
  return Array.from({ length: KEYS }, (_, key) => numbers.filter((n) => n % KEYS === key));
}

const sorted = (numbers: readonly number[]): number[] => [...numbers].sort((a, b) => a - b);

describe('three nodes', () => {
  it('a stream that the driver creates has three replicas unless it was asked for another number', async () => {
    const [topic, single] = [uniqueName('copies'), uniqueName('copies')];
    await (await connected(onto())).connection.ensureTopics([topic], 'publish');
    await (await connected({ ...onto(), provision: { replicas: 1 } })).connection.ensureTopics([single], 'publish');
    const jsm = await manager(cluster.urls[0]);
    const copies = async (subject: string) => (await jsm.streams.info(await jsm.streams.find(subject))).config;
    expect([(await copies(topic)).num_replicas, (await copies(single)).num_replicas]).toEqual([3, 1]);
  });

  it('the leader of a stream that is killed under load costs no confirmed message and no order of a key', async () => {
    const topic = uniqueName('leader');
    const [publisher, member, sink] = [await connected(onto()), await connected(onto()), new TestSink()];
    await publisher.connection.ensureTopics([topic], 'publish');
    await member.consume(topic, 'group', sink);
    const publish = async (n: number): Promise<void> => {
      const letter = message(topic, { id: `${topic}#${n}`, key: `key-${n % KEYS}` });
      await until(
        `message ${n} is confirmed`,
        async () => !((await publisher.send(letter))[0] instanceof Error),
        60_000,
      );
    };
    for (let n = 0; n < 300; n++) await publish(n);
    const leader = await leaderOf(topic);
    stopped.push(leader);
    await cluster.kill(leader);
    for (let n = 300; n < 600; n++) await publish(n);
    const confirmed = Array.from({ length: 600 }, (_, n) => `${topic}#${n}`);
    await until('what was confirmed is handled', () => confirmed.every((id) => sink.doneIds.includes(id)), 60_000);
    expect(byKey(sink.doneIds)).toEqual(byKey(sink.doneIds).map(sorted));
  }, 180_000);
});

/** Handles one message of a key at a time, as the runner does. */
class KeyedSink implements DeliverySink {
  readonly #treat: (delivery: Delivery) => Promise<void>;
  readonly #lanes = new Map<string, Promise<void>>();

  constructor(treat: (delivery: Delivery) => Promise<void>) {
    this.#treat = treat;
  }

  receive(deliveries: readonly Delivery[]): void {
    for (const delivery of deliveries) {
      const lane = this.#lanes.get(delivery.key ?? '') ?? Promise.resolve();
      this.#lanes.set(
        delivery.key ?? '',
        lane.then(() => this.#run(delivery)),
      );
    }
  }

  revoked(): void {}

  async #run(delivery: Delivery): Promise<void> {
    if (!delivery.mayBegin()) return;
    delivery.state = 'running';
    await this.#treat(delivery);
    delivery.settle({ kind: 'ack' });
  }
}

/** Two members of a group with one active consumer, and what their handlers did together. */
async function pairOfMembers(topic: string, first: number) {
  const handled: string[] = [];
  const running = new Set<string>();
  const overlaps: string[] = [];
  const treat = async ({ id, key = '' }: Delivery): Promise<void> => {
    if (running.has(key)) overlaps.push(id);
    running.add(key);
    await pause(50);
    running.delete(key);
    handled.push(id);
  };
  const options = { singleActiveConsumer: true, ackWaitMs: 5_000 };
  const one = await connected({ ...options, servers: [cluster.urls[first] ?? ''] });
  const other = await connected({ ...options, ...onto() });
  await one.connection.ensureTopics([topic], 'publish');
  for (const side of [one, other]) {
    const sink = new KeyedSink(treat);
    await side.consume(topic, 'group', sink);
  }
  return { one, other, handled, overlaps };
}

describe('a node that is restarted in order (lame duck mode)', () => {
  it('costs two members of a group with one active consumer no message, no order of a key, and no overlap', async () => {
    const topic = uniqueName('duck');
    await (await connected(onto())).connection.ensureTopics([topic], 'publish');
    const node = await leaderOf(topic);
    const publisher = await connected(onto());
    const backlog = Array.from({ length: 1_000 }, (_, n) =>
      message(topic, { id: `${topic}#${n}`, key: `key-${n % KEYS}` }),
    );
    await publisher.send(...backlog);
    const { one, other, handled, overlaps } = await pairOfMembers(topic, node);
    await until('they are at work', () => handled.length > 100);
    stopped.push(node);
    process.kill(cluster.nodes[node]?.pid ?? 0, 'SIGUSR2');
    await until('all are handled', () => new Set(handled).size === backlog.length, 60_000);
    await Promise.all([one.connection.close(), other.connection.close()]);
    expect(overlaps).toEqual([]);
    expect(byKey(handled)).toEqual(byKey(handled).map(sorted));
  }, 180_000);
});
