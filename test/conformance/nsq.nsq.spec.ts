import { nsq } from 'nest-transport/nsq';
import { runConformance } from 'nest-transport/testing';
import { uniqueName } from '../brokers/names.mjs';
import { lingeringConnections } from './nsq-leftovers.js';
import { saveReport } from './reports.js';

const nsqds = process.env['NSQD_TCP']?.split(',') ?? [];

runConformance(
  { describe, test, afterEach, afterAll },
  {
    name: 'nsq',
    createBroker: () => nsq({ nsqd: nsqds, messageTimeoutMs: 5_000 }),
    absentBroker: () => nsq({ nsqd: ['127.0.0.1:1'] }),
    leftovers: () => lingeringConnections(process.env['NSQD_HTTP']?.split(',') ?? []),
    // NSQ takes names of 64 characters, and those of dead letters hold topic and group.
    topicName: () => uniqueName('c'),
    refusedTopic: 'no spaces please',
    // A binary body grows by a third in its envelope, and nsqd takes 1 MiB.
    largeBytes: 780_000,
    onReport: saveReport,
  },
);
