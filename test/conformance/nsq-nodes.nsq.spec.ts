import { nsq } from 'nest-transport/nsq';
import { runConformance } from 'nest-transport/testing';
import { uniqueName } from '../brokers/names.mjs';
import { startNsq, type PrivateNsq } from '../brokers/nsq.mjs';
import { lingeringConnections } from './nsq-leftovers.js';

/** The same promises where a topic lies on two nsqd, through compressed bytes, with nsqlookupd asked as well. */
let nodes: PrivateNsq;
beforeAll(async () => void (nodes = await startNsq({ nodes: 2 })), 300_000);
afterAll(() => nodes.stop());

runConformance(
  { describe, test, afterEach, afterAll },
  {
    name: 'nsq of two nodes',
    createBroker: () =>
      nsq({
        nsqd: nodes.nodes.map(({ tcp }) => tcp),
        lookupd: [`http://${nodes.lookupd.http}`],
        compression: 'snappy',
        messageTimeoutMs: 5_000,
        outputBufferMs: 0,
      }),
    absentBroker: () => nsq({ nsqd: ['127.0.0.1:1', '127.0.0.1:2'] }),
    leftovers: () => lingeringConnections(nodes.nodes.map(({ http }) => http)),
    topicName: () => uniqueName('c'),
    refusedTopic: 'no spaces please',
    largeBytes: 780_000,
    // A channel that is younger than 5 s may be late with what was deferred, at each node by itself.
    deadlineMs: 30_000,
  },
);
