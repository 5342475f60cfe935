import { nats } from 'nest-transport/nats';
import { runConformance } from 'nest-transport/testing';
import { startNats, type PrivateNats } from '../brokers/nats.mjs';
import { lingeringConnections } from './nats-leftovers.js';

// n.b. a short ack wait, because a member that was torn away is replaced only after it.
const onto = (url: string) => nats({ servers: [url], provision: {}, singleActiveConsumer: true, ackWaitMs: 2_000 });
let server: PrivateNats;
let victim: PrivateNats;

beforeAll(async () => {
  [server, victim] = await Promise.all([startNats(), startNats()]);
}, 60_000);
afterAll(() => Promise.all([server.stop(), victim.stop()]));

runConformance(
  { describe, test, afterEach, afterAll },
  {
    name: 'nats with one active consumer',
    createBroker: () => onto(server.url),
    restartable: { createBroker: () => onto(victim.url), restart: () => victim.restart() },
    absentBroker: () => onto('127.0.0.1:1'),
    leftovers: () => lingeringConnections(server.monitorUrl),
    refusedTopic: 'two words',
    deadlineMs: 30_000,
  },
);
