import { nats } from 'nest-transport/nats';
import { runConformance } from 'nest-transport/conformance';
import { startNats, type PrivateNats } from '../brokers/nats.mjs';
import { onto, RESTRICTED_CORE, topicName } from './nats-rights.js';
import { lingeringConnections } from './nats-leftovers.js';
import { saveReport } from './reports.js';

let server: PrivateNats;

beforeAll(async () => void (server = await startNats({ config: RESTRICTED_CORE })), 60_000);
afterAll(() => server.stop());

runConformance(
  { describe, test, afterEach, afterAll },
  {
    name: 'nats core',
    createBroker: () => onto([server.url], { mode: 'core' }),
    unreachableBroker: () => nats({ servers: ['127.0.0.1:1'], mode: 'core' }),
    topicName,
    leftovers: () => lingeringConnections(server.monitorUrl),
    refusedTopic: 'two words',
    deadlineMs: 10_000,
    onReport: saveReport,
  },
);
