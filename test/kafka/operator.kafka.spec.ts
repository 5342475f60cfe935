import { ConfigResourceTypes } from 'kafkajs';
import { startKafka, USERS, type KafkaCluster } from '../../tools/brokers/kafka.mjs';
import { grant, revoke, userLogin, type Right } from './acl.js';
import type { Action as ActionOn } from '../operator/operated.js';
import { KafkaScene, table, type Plan } from './operated.js';
import { electPreferred, limitUser } from './raw-request.js';
import {
  closeAll,
  connected,
  createTopic,
  foreignSend,
  grow,
  Latch,
  newTopic,
  TestSink,
  uniqueName,
  until,
  withAdmin,
} from './support.js';

type Action = ActionOn<KafkaScene>;
let cluster: KafkaCluster;
beforeAll(async () => {
  cluster = await startKafka({ nodes: 3, acl: true });
}, 120_000);
afterAll(async () => {
  table.save();
  await cluster.stop();
});

const alter = (topic: string, name: string, value: string) =>
  withAdmin(
    (admin) =>
      admin.alterConfigs({
        validateOnly: false,
        resources: [{ type: ConfigResourceTypes.TOPIC, name: topic, configEntries: [{ name, value }] }],
      }),
    cluster.brokers,
  );
/** n.b. a client that meets the node that is down at first gives up. */
const configure = (topic: string, name: string, value: string) =>
  until(`${name} is ${value}`, () =>
    alter(topic, name, value).then(
      () => true,
      () => false,
    ),
  );
const remove = (topic: string) => withAdmin((admin) => admin.deleteTopics({ topics: [topic] }), cluster.brokers);
const endsOf = (topic: string) => withAdmin((admin) => admin.fetchTopicOffsets(topic), cluster.brokers);
const leadersOf = (topic: string) =>
  withAdmin(async (admin) => {
    const { topics } = await admin.fetchTopicMetadata({ topics: [topic] });
    const partitions = topics[0]?.partitions ?? [];
    return [...partitions].sort((a, b) => a.partitionId - b.partitionId).map(({ leader }) => leader);
  }, cluster.brokers);

async function deleteUnread(scene: KafkaScene): Promise<void> {
  scene.gate = new Latch();
  const high = async (): Promise<number[]> => (await endsOf(scene.topic)).map((end) => Number(end.high));
  const full = await high();
  await until('much waits', async () => (await high()).every((end, index) => end > (full[index] ?? 0) + 20), 60_000);
  await withAdmin(async (admin) => {
    // n.b. kafkajs finds the leaders only of topics that it was asked about before.
    const ends = await admin.fetchTopicOffsets(scene.topic);
    const partitions = ends.map(({ partition, high: offset }) => ({ partition, offset }));
    await admin.deleteTopicRecords({ topic: scene.topic, partitions });
  }, cluster.brokers);
  scene.gate.open();
}

async function resetGroup({ group, topic }: KafkaScene): Promise<void> {
  await withAdmin(async (admin) => {
    await expect(admin.resetOffsets({ groupId: group, topic, earliest: true })).rejects.toThrow(/no running instances/);
    await expect(admin.deleteGroups([group])).rejects.toThrow();
  }, cluster.brokers);
}

async function moveLeaders({ topic }: KafkaScene): Promise<void> {
  const before = await leadersOf(topic);
  const partitionAssignment = before.map((leader, partition) => ({ partition, replicas: othersThan(leader) }));
  await withAdmin(
    (admin) => admin.alterPartitionReassignments({ topics: [{ topic, partitionAssignment }] }),
    cluster.brokers,
  );
  await until(
    'all have another leader',
    async () => (await leadersOf(topic)).every((leader, n) => leader !== before[n]),
    60_000,
  );
  await electPreferred(cluster.brokers[0] as string, topic, before.length);
}

const othersThan = (node: number): number[] => [1, 2, 3].filter((each) => each !== node);

async function throttle(rate: number | undefined): Promise<void> {
  for (const quota of ['producer_byte_rate', 'consumer_byte_rate'] as const)
    await limitUser(cluster.brokers[0] as string, USERS.plain.username, quota, rate);
}

/** n.b. with groups enough that each node coordinates some of them, and loses and gets others. */
async function restartAll({ topic }: KafkaScene): Promise<void> {
  const members = await Promise.all(Array.from({ length: 6 }, () => connected({ brokers: cluster.brokers })));
  const sinks = members.map(() => new TestSink());
  await Promise.all(members.map((member, n) => member.consume(uniqueName('group'), [topic, sinks[n] as TestSink])));
  for (const node of [0, 1, 2]) {
    await cluster.nodes[node]?.shutdown();
    await cluster.restart(node);
  }
  const ends = await endsOf(topic);
  const hasAll = ({ done }: TestSink): boolean =>
    ends.every(({ partition, high }) =>
      done.some((delivery) => delivery.partition === partition && Number(delivery.offset) >= Number(high) - 1),
    );
  await until('each group has all', () => sinks.every(hasAll), 60_000);
}

let isNodeDown = false;

async function bringBack(): Promise<void> {
  if (isNodeDown) await cluster.restart(2);
  isNodeDown = false;
}

const ACTIONS: readonly (readonly [action: string, plan: Plan, action: Action])[] = [
  [
    'partitions are added to the topic',
    {},
    {
      act: async (scene) => {
        await grow(scene.topic, 5, cluster.brokers);
        scene.partitions = 5;
      },
    },
  ],
  [
    'the topic is deleted, and recreated later',
    {},
    {
      act: ({ topic }) => remove(topic),
      repair: ({ topic }) => createTopic(cluster.brokers, topic, 3),
      stops: true,
      destroys: true,
    },
  ],
  [
    'the topic is deleted and recreated at once',
    {},
    { act: ({ topic }) => remove(topic).then(() => createTopic(cluster.brokers, topic, 3)), destroys: true },
  ],
  [
    'records that were not read yet are deleted (retention, DeleteRecords)',
    { subscribe: { concurrency: 5, maxInFlight: 5 } },
    { act: deleteUnread, destroys: true },
  ],
  [
    'the offsets of the group are reset, and the group is deleted (Kafka refuses both while members run)',
    {},
    { act: resetGroup },
  ],
  [
    'the right to read the topic is taken away',
    {},
    { act: (scene) => scene.revoke(scene.readTopic), repair: (scene) => scene.grant(scene.readTopic), stops: true },
  ],
  [
    'the right to the group is taken away',
    {},
    { act: (scene) => scene.revoke(scene.readGroup), repair: (scene) => scene.grant(scene.readGroup), stops: true },
  ],
  [
    'the right to publish is taken away',
    {},
    { act: (scene) => scene.revoke(scene.writeTopic), repair: (scene) => scene.grant(scene.writeTopic), stops: true },
  ],
  [
    'the right to write dead letters is taken away while handlers fail',
    { fails: true, subscribe: { retry: { maxAttempts: 1 } } },
    {
      act: (scene) => scene.revoke(scene.writeDeadLetters),
      repair: (scene) => scene.grant(scene.writeDeadLetters),
      isReported: true,
    },
  ],
  [
    'max.message.bytes of the topic is lowered below what is published',
    {},
    {
      act: ({ topic }) => configure(topic, 'max.message.bytes', '20'),
      repair: ({ topic }) => configure(topic, 'max.message.bytes', '1048588'),
      stops: true,
    },
  ],
  [
    'a node is down, and min.insync.replicas of the topic is raised above those that are left',
    {},
    {
      act: async ({ topic }) => {
        await configure(topic, 'min.insync.replicas', '3');
        isNodeDown = true;
        await cluster.kill(2);
      },
      repair: async ({ topic }) => {
        await configure(topic, 'min.insync.replicas', '2');
        await bringBack();
      },
      stops: true,
    },
  ],
  ['partitions are moved to other nodes, and their leaders elected', {}, { act: moveLeaders }],
  [
    'user quotas (producer_byte_rate, consumer_byte_rate) throttle to 100 bytes a second',
    {},
    {
      act: async (scene) => {
        await throttle(100);
        // n.b. a quota is an average over some seconds.
        await until('messages are held back', () => scene.hasStopped, 60_000);
      },
      repair: () => throttle(undefined),
    },
  ],
  [
    'all nodes are restarted, one after the other',
    {},
    {
      act: restartAll,
    },
  ],
];

describe('messages go on, or health and a notice say why not, and they flow again without a restart, when', () => {
  let scene: KafkaScene | undefined;
  afterEach(async () => {
    scene?.gate?.open();
    await scene?.close();
    scene = undefined;
    await closeAll();
    await bringBack();
    await throttle(undefined);
  });

  it.each(ACTIONS)(
    '%s',
    async (name, plan, action) => {
      scene = await KafkaScene.start(cluster, plan);
      await scene.expectNeverDeaf(name, action);
    },
    300_000,
  );
});

describe('acks whose commit the broker refuses until the consumer closes', () => {
  afterEach(closeAll);

  it('are reported once each, and their messages come again', async () => {
    const topic = await newTopic(1, {}, cluster.brokers);
    const group = uniqueName('group');
    const readTopic: Right = { on: 'TOPIC', name: topic, to: ['READ'] };
    const readGroup: Right = { on: 'GROUP', name: group, to: ['READ'] };
    await grant(cluster.brokers, readTopic, readGroup);
    await foreignSend(topic, [{ value: '1' }, { value: '2' }, { value: '3' }], cluster.brokers);
    const options = { brokers: cluster.users, ...userLogin };
    const side = await connected({ ...options, commitIntervalMs: 60_000, sessionTimeoutMs: 6_000 });
    const sink = new TestSink();
    await side.consume(group, [topic, sink]);
    await until('all are done', () => sink.done.length === 3);
    await revoke(cluster.brokers, readGroup);
    await until('the member notices', () => side.heard('subscription:crashed').length > 0, 60_000);
    await side.connection.close();
    // n.b. a close does not wait longer than a few seconds for the last commit.
    await until('they are reported', () => side.heard('settlement:failed').length > 0, 60_000);
    const reported = side.heard('settlement:failed').map(({ settlement, id }) => `${settlement} ${id}`);
    expect(reported).toEqual([0, 1, 2].map((offset) => `ack ${topic}/0/${offset}`));
    await grant(cluster.brokers, readGroup);
    const again = new TestSink();
    await (await connected(options)).consume(group, [topic, again]);
    await until('they come again', () => again.done.length === 3);
  }, 120_000);
});
