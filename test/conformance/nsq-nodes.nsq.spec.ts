import { nsq } from 'nest-transport/nsq';
import { runConformance } from 'nest-transport/testing';
import { uniqueName } from '../brokers/names.mjs';
import { startNsq, type PrivateNsq } from '../brokers/nsq.mjs';
import { startAuthServer, type AuthServer, type Grant } from '../brokers/nsq/auth-server.mjs';
import { lingeringConnections } from './nsq-leftovers.js';

const SECRET = 'least-secret';
const both = ['publish', 'subscribe'];
/** The rights that docs/drivers/nsq.md lists, for the topics and groups of the suite. */
const GRANTS: readonly Grant[] = [
  { topic: '^c-[0-9a-f]+$', channels: ['^members-[^#]+(#ephemeral)?$'], permissions: both },
  // Dead letters, written by the group and read by who works with them.
  { topic: '^c-[0-9a-f]+\\.members-.+\\.dead-letter$', channels: ['.*'], permissions: both },
  // Replies to the service.
  { topic: '^members-.+\\.reply$', channels: ['^.+#ephemeral$'], permissions: both },
];

/** The same promises where a topic lies on two nsqd, through compressed bytes, with nsqlookupd asked as well, and a login that may do only what is needed. */
let nodes: PrivateNsq;
let authServer: AuthServer;
beforeAll(async () => {
  authServer = await startAuthServer({ grantsOf: (secret) => (secret === SECRET ? GRANTS : undefined) });
  nodes = await startNsq({ nodes: 2, flags: { 'auth-http-address': authServer.address } });
}, 300_000);
afterAll(async () => {
  await nodes.stop();
  await authServer.stop();
});

runConformance(
  { describe, test, afterEach, afterAll },
  {
    name: 'nsq of two nodes',
    createBroker: () =>
      nsq({
        nsqd: nodes.nodes.map(({ tcp }) => tcp),
        lookupd: [`http://${nodes.lookupd.http}`],
        authSecret: SECRET,
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
