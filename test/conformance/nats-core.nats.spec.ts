import { nats } from 'nest-transport/nats';
import { runConformance } from 'nest-transport/testing';
import { startNats, type PrivateNats } from '../brokers/nats.mjs';
import { lingeringConnections } from './nats-leftovers.js';
import { saveReport } from './reports.js';

const onto = (url: string) => nats({ servers: [url], mode: 'core' });
let server: PrivateNats;

beforeAll(async () => void (server = await startNats()), 60_000);
afterAll(() => server.stop());

runConformance(
  { describe, test, afterEach, afterAll },
  {
    name: 'nats core',
    createBroker: () => onto(server.url),
    absentBroker: () => onto('127.0.0.1:1'),
    leftovers: () => lingeringConnections(server.monitorUrl),
    refusedTopic: 'two words',
    deadlineMs: 10_000,
    onReport: saveReport,
  },
);
