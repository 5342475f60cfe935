import { Notices } from '../../contract/index.js';
import { systemClock } from '../../shared/index.js';
import { DeadLetterAdmin } from '../../consuming/index.js';
import {
  ClientFailure,
  type ClientMember,
  type CommittedOffset,
  type FetchedRecord,
  type KafkaClient,
  type MemberListener,
  type MemberPlan,
  type OffsetCommit,
} from './client/seam.js';
import { KafkaConnection } from './connection.js';
import { resolveKafkaOptions } from './options.js';

const TOPIC = 'orders.g.dead-letter';
const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

async function until(fact: () => boolean): Promise<void> {
  while (!fact()) await new Promise((resolve) => setTimeout(resolve, 5));
}

/** A cluster of topics with one partition, in memory. */
class FakeCluster {
  readonly logs = new Map<string, FetchedRecord[]>();
  readonly commits = new Map<string, OffsetCommit>();
  readonly members: FakeMember[] = [];
  isAway = false;

  readonly client = {
    connect: () => Promise.resolve(),
    close: () => Promise.resolve(),
    deleteGroup: () => Promise.resolve(),
    describeTopics: (topics: readonly string[]) =>
      Promise.resolve(new Map(topics.filter((topic) => this.logs.has(topic)).map((topic) => [topic, 1]))),
    openMember: (plan: MemberPlan, listener: MemberListener) => new FakeMember(this, plan, listener),
  } as unknown as KafkaClient;

  /** @param count letters, each of its own key */
  fill(topic: string, count: number): void {
    const headers = { 'dead-letter-topic': Buffer.from('orders') };
    const record = (_: unknown, n: number): FetchedRecord => ({
      ...{ offset: String(n), key: Buffer.from(`k${n}`), value: Buffer.from('1'), timestamp: '0' },
      headers: { ...headers, 'message-id': Buffer.from(`id-${n}`) },
    });
    this.logs.set(topic, Array.from({ length: count }, record));
  }
}

class FakeMember implements ClientMember {
  readonly memberId = 'member';
  readonly confirmedAtMs = Infinity;
  readonly plan: MemberPlan;
  readonly listener: MemberListener;
  readonly #cluster: FakeCluster;
  readonly #paused = new Set<string>();
  #hasLeft = false;

  constructor(cluster: FakeCluster, plan: MemberPlan, listener: MemberListener) {
    this.#cluster = cluster;
    this.plan = plan;
    this.listener = listener;
  }

  async start(): Promise<void> {
    if (this.#cluster.isAway) throw new ClientFailure('unreachable', 'connect ECONNREFUSED');
    this.#cluster.members.push(this);
    await this.listener.beforeJoin();
    this.listener.joined(Object.fromEntries(this.plan.topics.map((topic) => [topic, [0]])));
    const committed = this.plan.topics.map((topic): CommittedOffset => {
      const found = this.#cluster.commits.get(`${this.plan.group}/${topic}`);
      return { topic, partition: 0, offset: found?.offset, metadata: found?.metadata ?? '', expired: false };
    });
    const positions = await this.listener.positions(committed);
    const from = (topic: string): number => positions.find((position) => position.topic === topic)?.offset ?? 0;
    for (const topic of this.plan.topics) void this.#feed(topic, from(topic));
  }

  async #feed(topic: string, from: number): Promise<void> {
    const log = this.#cluster.logs.get(topic) ?? [];
    for (let at = from; !this.#hasLeft && at < log.length; await turn()) {
      if (this.#paused.has(topic)) continue;
      const records = log.slice(at, at + 500);
      at += records.length;
      await this.listener.fetched({ topic, partition: 0, records, nextOffset: at }, () => Promise.resolve());
    }
  }

  pause(topic: string): void {
    this.#paused.add(topic);
  }

  resume(topic: string): void {
    this.#paused.delete(topic);
  }

  commit(offsets: readonly OffsetCommit[]): Promise<void> {
    for (const offset of offsets) this.#cluster.commits.set(`${this.plan.group}/${offset.topic}`, offset);
    return Promise.resolve();
  }

  bounds(topic: string): Promise<Map<number, { low: number; high: number }>> {
    return Promise.resolve(new Map([[0, { low: 0, high: this.#cluster.logs.get(topic)?.length ?? 0 }]]));
  }

  ends = () => Promise.resolve([]);
  offsetsAt = () => Promise.resolve(new Map<number, number>());
  countPartitions = () => Promise.resolve(1);
  committed = () => Promise.resolve([]);

  leave(): Promise<void> {
    this.#hasLeft = true;
    return Promise.resolve();
  }
}

async function setUp(...letters: [topic: string, count: number][]) {
  const cluster = new FakeCluster();
  for (const [topic, count] of letters) cluster.fill(topic, count);
  const host = { service: 's', broker: 'default', notices: new Notices(), clock: systemClock };
  const options = resolveKafkaOptions({ brokers: ['127.0.0.1:9'] });
  const connection = new KafkaConnection(host, options, cluster.client);
  await connection.connectOnce();
  const sent: string[] = [];
  connection.producer.send = (messages) => {
    sent.push(...messages.map(({ id }) => id));
    return Promise.resolve(messages.map(({ id, topic }) => ({ id, topic, partition: 0, offset: '0' })));
  };
  return { cluster, connection, sent, admin: new DeadLetterAdmin(connection, host) };
}

describe('a connection', () => {
  it('is up after a dead-letter call whose member died and was not replaced before it ended', async () => {
    const { cluster, connection, admin, sent } = await setUp([TOPIC, 3]);
    const replayed = admin.replay(TOPIC, { ratePerSecond: 20 });
    await until(() => sent.length === 1);
    cluster.isAway = true;
    cluster.members[0]?.listener.died(new ClientFailure('closed', 'the connection was closed by the server'));
    await until(() => connection.health().status === 'down');
    const { done, left } = await replayed;
    expect([done.length + left.length, connection.health()]).toEqual([3, { status: 'up', problems: [] }]);
  });

  it('lists more dead letters than maxUncommitted, and settles them', async () => {
    const { admin } = await setUp([TOPIC, 6_000]);
    expect(await admin.count(TOPIC, { limit: 10_000 })).toMatchObject([{ count: 6_000 }]);
    expect((await admin.discard(TOPIC, { limit: 10_000 })).done).toHaveLength(6_000);
    expect(await admin.list(TOPIC)).toEqual([]);
  });

  it('reads the dead letters of each topic with a group of its own, so that readers of two topics do not disturb each other', async () => {
    const other = 'payments.g.dead-letter';
    const { cluster, admin } = await setUp([TOPIC, 2], [other, 1]);
    await Promise.all([admin.list(TOPIC), admin.list(other)]);
    const groups = cluster.members.map(({ plan }) => plan.group).sort();
    expect(groups).toEqual([`dead-letter-admin.${TOPIC}`, `dead-letter-admin.${other}`]);
  });
});
