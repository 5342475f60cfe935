import { kafka } from 'nest-transport/kafka';
import { runConformance } from 'nest-transport/conformance';
import { startKafka, type KafkaCluster } from '../brokers/kafka.mjs';
import { grant, userLogin, type Right } from '../kafka/acl.js';
import { lingeringMembers } from './kafka-leftovers.js';
import { saveReport } from './reports.js';

/** What docs/drivers/kafka.md lists, for the names of the suite: its topics, and the reply topics of its services, which begin with a group's name. */
const RIGHTS: Right[] = [
  ...['conformance-', 'members-'].map((name): Right => ({
    on: 'TOPIC',
    name,
    isPrefix: true,
    to: ['READ', 'WRITE', 'CREATE'],
  })),
  { on: 'GROUP', name: 'members-', isPrefix: true, to: ['READ'] },
  { on: 'GROUP', name: 'dead-letter-admin.conformance-', isPrefix: true, to: ['READ'] },
];

let cluster: KafkaCluster;
beforeAll(async () => {
  cluster = await startKafka({ nodes: 3, acl: true });
  await grant(cluster.brokers, ...RIGHTS);
}, 120_000);
afterAll(() => cluster.stop());

const createBroker = () => kafka({ brokers: cluster.users, ...userLogin, provision: { partitions: 3 } });
const restart = async (): Promise<void> => {
  const all = cluster.nodes.map((_, node) => node);
  await Promise.all(all.map((node) => cluster.kill(node)));
  await Promise.all(all.map((node) => cluster.restart(node)));
};

runConformance(
  { describe, test, afterEach, afterAll },
  {
    name: 'kafka',
    createBroker,
    restartable: { createBroker, restart },
    unreachableBroker: () => kafka({ brokers: ['127.0.0.1:1'] }),
    leftovers: () => lingeringMembers(cluster.brokers),
    deadlineMs: 30_000,
    onReport: saveReport,
  },
);
