import { nats } from 'nest-transport/nats';
import { runConformance } from 'nest-transport/conformance';
import { startNats, type PrivateNats } from '../brokers/nats.mjs';
import { onto, RESTRICTED, topicName } from './nats-rights.js';
import { lingeringConnections } from './nats-leftovers.js';

// n.b. a short ack wait, because a member that was torn away is replaced only after it.
const OPTIONS = { provision: {}, singleActiveConsumer: true, ackWaitMs: 2_000 };
let server: PrivateNats;
let victim: PrivateNats;

beforeAll(async () => {
  [server, victim] = await Promise.all([startNats({ config: RESTRICTED }), startNats({ config: RESTRICTED })]);
}, 60_000);
afterAll(() => Promise.all([server.stop(), victim.stop()]));

runConformance(
  { describe, test, afterEach, afterAll },
  {
    name: 'nats with one active consumer',
    createBroker: () => onto([server.url], OPTIONS),
    restartable: { createBroker: () => onto([victim.url], OPTIONS), restart: () => victim.restart() },
    unreachableBroker: () => nats({ servers: ['127.0.0.1:1'], ...OPTIONS }),
    topicName,
    leftovers: () => lingeringConnections(server.monitorUrl),
    refusedTopic: 'two words',
    deadlineMs: 30_000,
  },
);
