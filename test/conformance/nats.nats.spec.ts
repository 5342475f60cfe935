import { nats } from 'nest-transport/nats';
import { runConformance } from 'nest-transport/conformance';
import { startNats, type NatsCluster, type PrivateNats } from '../brokers/nats.mjs';
import { onto, RESTRICTED, topicName } from './nats-rights.js';
import { lingeringConnections } from './nats-leftovers.js';
import { saveReport } from './reports.js';

let cluster: NatsCluster;
let victim: PrivateNats;

// n.b. servers of its own: what is left open on them can be counted. A single one is there to be killed: it is back in a second.
beforeAll(async () => {
  [cluster, victim] = await Promise.all([
    startNats({ nodes: 3, config: RESTRICTED }),
    startNats({ config: RESTRICTED }),
  ]);
}, 120_000);
afterAll(() => Promise.all([cluster.stop(), victim.stop()]));

runConformance(
  { describe, test, afterEach, afterAll },
  {
    name: 'nats',
    createBroker: () => onto(cluster.urls, { provision: {} }),
    restartable: { createBroker: () => onto([victim.url], { provision: {} }), restart: () => victim.restart() },
    unreachableBroker: () => nats({ servers: ['127.0.0.1:1'], provision: {} }),
    topicName,
    leftovers: async () => (await Promise.all(cluster.monitorUrls.map(lingeringConnections))).flat(),
    refusedTopic: 'two words',
    deadlineMs: 60_000,
    onReport: saveReport,
  },
);
