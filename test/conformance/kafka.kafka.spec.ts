import { kafka } from 'nest-transport/kafka';
import { runConformance } from 'nest-transport/testing';
import { startKafka, type PrivateKafka } from '../brokers/kafka.mjs';
import { lingeringMembers } from './kafka-leftovers.js';
import { saveReport } from './reports.js';

const shared = process.env['KAFKA_BROKERS']?.split(',') ?? [];
const onto = (brokers: readonly string[]) => kafka({ brokers, provision: { partitions: 3 } });
let victim: PrivateKafka;

// Everything runs on the shared broker, except what kills one.
beforeAll(async () => void (victim = await startKafka({ heapMb: 384 })), 60_000);
afterAll(() => victim.stop());

runConformance(
  { describe, test, afterEach, afterAll },
  {
    name: 'kafka',
    createBroker: () => onto(shared),
    restartable: { createBroker: () => onto(victim.brokers), restart: () => victim.restart() },
    absentBroker: () => onto(['127.0.0.1:1']),
    leftovers: () => lingeringMembers(shared),
    deadlineMs: 30_000,
    onReport: saveReport,
  },
);
