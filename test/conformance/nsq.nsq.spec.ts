import { nsq } from 'nest-transport/nsq';
import { runConformance } from 'nest-transport/conformance';
import { uniqueName } from '../brokers/names.mjs';
import { startNsq, type PrivateNsq } from '../brokers/nsq.mjs';
import { startAuthServer, type AuthServer, type Grant } from '../brokers/nsq/auth-server.mjs';
import { lingeringConnections } from './nsq-leftovers.js';
import { saveReport } from './reports.js';

const SECRET = 'least-secret';
/** nsqd compares the channels of a grant with "" when something is published. */
const NO_CHANNEL = '^$';
/** The rights that docs/drivers/nsq.md lists, for the topics and groups of the suite. */
const GRANTS: readonly Grant[] = [
  { topic: '^c-[0-9a-f]+$', channels: [NO_CHANNEL], permissions: ['publish'] },
  { topic: '^c-[0-9a-f]+$', channels: ['^members-[^#]+(#ephemeral)?$'], permissions: ['subscribe'] },
  { topic: '^c-[0-9a-f]+\\.members-.+\\.dead-letter$', channels: [NO_CHANNEL], permissions: ['publish'] },
  {
    topic: '^c-[0-9a-f]+\\.members-.+\\.dead-letter$',
    channels: ['^members-', '^dead-letter-admin$', '#ephemeral$'],
    permissions: ['subscribe'],
  },
  { topic: '^members-.+\\.reply$', channels: [NO_CHANNEL], permissions: ['publish'] },
  { topic: '^members-.+\\.reply$', channels: ['#ephemeral$'], permissions: ['subscribe'] },
];

/** A topic lies on two nsqd, bytes are compressed, nsqlookupd is asked as well, and the login may do only what is needed. */
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
    name: 'nsq',
    createBroker: () =>
      nsq({
        nsqd: nodes.nodes.map(({ tcp }) => tcp),
        lookupd: [`http://${nodes.lookupd.http}`],
        authSecret: SECRET,
        compression: 'snappy',
        messageTimeoutMs: 5_000,
      }),
    unreachableBroker: () => nsq({ nsqd: ['127.0.0.1:1', '127.0.0.1:2'] }),
    leftovers: () => lingeringConnections(nodes.nodes.map(({ http }) => http)),
    // NSQ takes names of 64 characters, and those of dead letters hold topic and group.
    topicName: () => uniqueName('c'),
    refusedTopic: 'no spaces please',
    // A binary body grows by a third in its envelope, and nsqd takes 1 MiB.
    largeBytes: 780_000,
    onReport: saveReport,
    // A channel that is younger than 5 s may be late with what was deferred, at each node by itself.
    deadlineMs: 30_000,
  },
);
