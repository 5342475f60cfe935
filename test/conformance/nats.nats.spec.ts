import { nats } from 'nest-transport/nats';
import { runConformance } from 'nest-transport/testing';
import { startNats, type PrivateNats } from '../brokers/nats.mjs';
import { lingeringConnections } from './nats-leftovers.js';
import { saveReport } from './reports.js';

const onto = (url: string) => nats({ servers: [url], provision: {} });
let server: PrivateNats;
let victim: PrivateNats;

// n.b. a server of its own: what is left open on it can be counted. Another one is there to be killed.
beforeAll(async () => {
  [server, victim] = await Promise.all([startNats(), startNats()]);
}, 60_000);
afterAll(() => Promise.all([server.stop(), victim.stop()]));

runConformance(
  { describe, test, afterEach, afterAll },
  {
    name: 'nats',
    createBroker: () => onto(server.url),
    restartable: { createBroker: () => onto(victim.url), restart: () => victim.restart() },
    absentBroker: () => onto('127.0.0.1:1'),
    leftovers: () => lingeringConnections(server.monitorUrl),
    refusedTopic: 'two words',
    deadlineMs: 30_000,
    onReport: saveReport,
  },
);
