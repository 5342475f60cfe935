import { startNats, type NatsCluster } from '../brokers/nats.mjs';
import { closeAll, connected, manager, message, TestSink, uniqueName, until } from './support.js';

const KEYS = 20;
let cluster: NatsCluster;
beforeAll(async () => {
  cluster = await startNats({ nodes: 3 });
}, 180_000);
afterAll(() => cluster.stop());
afterEach(closeAll);

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
    const confirmed: string[] = [];
    const publish = async (n: number): Promise<void> => {
      const id = `${topic}#${n}`;
      const [result] = await publisher.send(message(topic, { id, key: `key-${n % KEYS}` }));
      if (!(result instanceof Error)) confirmed.push(id);
    };
    for (let n = 0; n < 300; n++) await publish(n);
    const leader = await leaderOf(topic);
    await cluster.kill(leader);
    for (let n = 300; n < 600; n++) await publish(n);
    await until('what was confirmed is handled', () => confirmed.every((id) => sink.doneIds.includes(id)), 60_000);
    expect(confirmed.length).toBeGreaterThan(300);
    expect(byKey(sink.doneIds)).toEqual(byKey(sink.doneIds).map(sorted));
    await cluster.restart(leader);
  }, 120_000);
});
