// How a real NSQ starts: one nsqlookupd and as many nsqd as a test wants. Plain JavaScript on built-ins only, like kafka.mjs.
//
//   const nsq = await startNsq({ nodes: 2 });       private servers: nsq.nodes[1].kill(), nsq.lookupd.kill()
//   const nsq = await startNsq({ nsqd: 2, lookupd: 2 });   the same as a cluster: nsq.kill(1), nsq.lookupds.freeze(0)
//   const nsq = await useNsq();                     the ones to share: NSQD_TCP ..., a container, or private servers
import { dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { mayInstall } from '../../scripts/lib/environment.mjs';
import { clusterOf } from './cluster.mjs';
import { runningContainer } from './container.mjs';
import { goTools } from './go-tools.mjs';
import { envOfPorts, NSQ_VARIABLES, USUAL_PORTS, whyNot } from './nsq/addresses.mjs';
import { NSQ_PROGRAMS } from './nsq/programs.mjs';
import { securityOf } from './nsq/security.mjs';
import { prepareServer } from './nsq/server.mjs';
import { controlsOf, startPrepared, withControls } from './private-server.mjs';
import { readStanding } from './standing.mjs';
import { toStderr } from './to-stderr.mjs';
import { requireTools, TOOLS } from './toolchain.mjs';
import { BrokerUnavailable } from './unavailable.mjs';

export { BrokerUnavailable } from './unavailable.mjs';

const REGISTERED_TIMEOUT_MS = 20_000;
const POLL_MS = 20;

/** @typedef {import('./nsq/server.mjs').Flags} Flags */

/**
 * @typedef {object} StartOptions
 * @property {number} [nodes] how many nsqd (default: 1)
 * @property {Flags} [flags] of every nsqd, for example { 'mem-queue-size': 0, 'msg-timeout': '2s' }
 * @property {Flags} [lookupdFlags] of the nsqlookupd
 * @property {readonly (number | undefined)[]} [ports] of NSQ_VARIABLES, with one node only (default: free ones)
 * @property {import('./nsq/security.mjs').Tls} [tls] of every nsqd (default: none)
 * @property {boolean} [auth] every nsqd asks an auth server, which runs in this process (default: false)
 * @property {boolean} [installSystemPackages] may install Go by apt-get (default: where CI is set)
 * @property {(line: string) => void} [log] what is being done, when it takes longer than a start (default: to stderr)
 */

/**
 * @typedef {object} NsqAddress
 * @property {string} tcp "127.0.0.1:port"
 * @property {string} http "127.0.0.1:port"
 * @property {string} logFile
 */

/** One nsqd or nsqlookupd. @typedef {NsqAddress & import('./private-server.mjs').Controls} NsqNode */

/** @typedef {import('./nsq/addresses.mjs').NsqEnv} NsqEnv */

/**
 * @typedef {object} PrivateNsq
 * @property {NsqNode[]} nodes each nsqd by itself
 * @property {NsqNode} lookupd n.b. after its restart an nsqd takes up to 15 s to register again (its own fixed interval)
 * @property {(flags?: Flags) => Promise<NsqNode>} addNode one more nsqd, with flags of its own beside the common ones; resolves when nsqlookupd lists it
 * @property {import('./nsq/security.mjs').Secure} secure what gets in, and what is kept out
 * @property {NsqEnv} env for a child process; read again after addNode
 * @property {number} pid of the first nsqd
 * @property {string} logFile of the first nsqd
 * @property {() => Promise<void>} kill SIGKILL to every nsqd: what was in memory, or on disk for less than 2 s, is lost. With `mem-queue-size` 0 and `sync-every` 1 only what nsqd has answered a moment ago is: it writes down the length of the queue after its answer
 * @property {() => Promise<void>} shutdown SIGTERM to every nsqd, which writes its memory to disk
 * @property {() => Promise<void>} restart every nsqd; same ports, same data
 * @property {() => Promise<void>} stop ends everything, nsqlookupd too, and removes the folders
 */

/** @typedef {Omit<import('./cluster.mjs').Cluster, 'nodes'> & { nodes: NsqNode[] }} NsqNodes */

/**
 * Nodes are the nsqd. `addNode` starts one more; resolves when every nsqlookupd lists it.
 * @typedef {NsqNodes & { lookupds: NsqNodes, env: NsqEnv, addNode: () => Promise<NsqNode> }} NsqCluster
 */

/**
 * Starts a private NSQ on free ports in temporary folders. It dies with this process, however that ends.
 * About 0.2 s; the first ever call on a machine builds the programs.
 *
 *   startNsq({ tls: 'required' })    connect with ca: secure.certificates.ca.cert; refused: wrongCa, no CA, and no TLS at all
 *   startNsq({ tls: 'optional' })    takes clients with TLS and without
 *   startNsq({ tls: 'wrong-host' })  refused although the CA is right
 *   startNsq({ tls: 'mutual' })      with cert and key of secure.certificates.client; refused: none, or wrongClient
 *   startNsq({ auth: true })         AUTH with secure.secrets.right; refused: .wrong, and none. .readOnly and .powerless may
 *                                    subscribe only, and nothing
 * `tls` and `auth` go together. nsqd's HTTP, and so `env`, stays plain and open.
 * @overload
 * @param {StartOptions & { nsqd: number, lookupd: number }} options every nsqd registers with every nsqlookupd
 * @returns {Promise<NsqCluster>}
 * @throws {BrokerUnavailable} when Go or the module cannot be had; the message says the command
 */
/**
 * @overload
 * @param {StartOptions} [options]
 * @returns {Promise<PrivateNsq>}
 */
/** @param {StartOptions & { nsqd?: number, lookupd?: number }} [options] */
export async function startNsq(options = {}) {
  const { nsqd, lookupd } = options;
  if (nsqd !== undefined && lookupd !== undefined) return startCluster(nsqd, lookupd, options);
  return startNodes(options);
}

/**
 * @param {number} nsqds
 * @param {number} lookupds
 * @param {StartOptions} options
 * @returns {Promise<NsqCluster>}
 */
async function startCluster(nsqds, lookupds, options) {
  const { flags = {}, lookupdFlags = {} } = options;
  const bin = await prepareNsq(options);
  const lookupdOptions = { bin, name: /** @type {const} */ ('nsqlookupd'), ports: {}, flags: () => lookupdFlags };
  const lookups = await Promise.all(Array.from({ length: lookupds }, () => startOne(lookupdOptions)));
  const all = { 'lookupd-tcp-address': lookups.map(({ tcp }) => tcp) };
  /** n.b. the flags are read at each start, so that a test can change them for a restart. */
  const startNode = async (/** @type {number} */ id) => {
    const own = (/** @type {string} */ folder) => ({ 'data-path': folder, 'node-id': id, ...all, ...flags });
    const node = await startOne({ bin, name: 'nsqd', ports: {}, flags: own });
    await Promise.all(lookups.map((lookup) => registered(lookup, node)));
    return node;
  };
  const nodes = await Promise.all(Array.from({ length: nsqds }, (_, index) => startNode(index + 1)));
  const [cluster, lookupCluster] = [clusterOf(nodes), clusterOf(lookups)];
  const stopNodes = cluster.stop;
  const addNode = async () => {
    const node = await startNode(nodes.length + 1);
    nodes.push(node);
    return node;
  };
  return Object.assign(cluster, {
    nodes,
    addNode,
    lookupds: Object.assign(lookupCluster, { nodes: lookups }),
    env: {
      ...envOf(nodes, /** @type {NsqNode} */ (lookups[0])),
      NSQLOOKUPD_HTTP: lookups.map(({ http }) => http).join(','),
    },
    stop: () => stopNodes().then(lookupCluster.stop),
  });
}

/**
 * @param {StartOptions} options
 * @returns {Promise<PrivateNsq>}
 */
async function startNodes(options) {
  const { nodes: count = 1, flags = {}, lookupdFlags = {}, ports = [], tls, auth = false } = options;
  const bin = await prepareNsq(options);
  const lookupd = await startOne({ bin, name: 'nsqlookupd', ports: { http: ports[2] }, flags: () => lookupdFlags });
  const security = await securityOf({ tls, auth }, join(dirname(lookupd.logFile), 'certificates'));
  /** @type {NsqNode[]} */
  const nodes = [];
  const addNode = async (/** @type {Flags} */ own = {}) => {
    const id = nodes.length + 1;
    const all = (/** @type {string} */ folder) => ({
      ...nodeFlags(id, folder, lookupd),
      ...security.flags,
      ...flags,
      ...own,
    });
    const fixed = id === 1 ? { tcp: ports[0], http: ports[1] } : {};
    const node = await startOne({ bin, name: 'nsqd', ports: fixed, flags: all });
    nodes.push(node);
    const restart = node.restart;
    node.restart = () => restart().then(() => registered(lookupd, node));
    await registered(lookupd, node);
    return node;
  };
  for (let i = 0; i < count; i++) await addNode();
  return together({ nodes, lookupd, addNode, security });
}

/**
 * Brings everything that a private NSQ needs onto this machine, without starting one.
 * @param {StartOptions} [options]
 * @returns {Promise<string>} the folder of the programs
 */
export async function prepareNsq({ installSystemPackages = mayInstall(), log = toStderr('nsq'), tls } = {}) {
  if (tls) requireTools('nsq', [TOOLS.openssl], { installSystemPackages, log });
  return goTools(NSQ_PROGRAMS, { installSystemPackages, log });
}

/**
 * @param {number} id
 * @param {string} folder
 * @param {NsqNode} lookupd
 * @returns {Flags}
 */
const nodeFlags = (id, folder, lookupd) => ({
  'data-path': folder,
  'lookupd-tcp-address': lookupd.tcp,
  // By default a hash of the host name: two nodes of one machine would give out the same message ids.
  'node-id': id,
});

/**
 * @param {import('./nsq/server.mjs').ServerOptions} options
 * @returns {Promise<NsqNode>}
 */
async function startOne(options) {
  const fixedPort = Object.values(options.ports).some((port) => port !== undefined);
  const { prepared, running } = await startPrepared(() => prepareServer(options), { fixedPort });
  const { tcp, http, logFile } = prepared;
  return withControls(controlsOf(prepared, running), { tcp, http, logFile });
}

/**
 * Resolves when nsqlookupd lists the node, or at once while nsqlookupd is down. n.b. polled: it tells no event.
 * @param {NsqNode} lookupd
 * @param {NsqNode} node
 */
async function registered(lookupd, node) {
  const port = Number(node.tcp.split(':')[1]);
  for (const deadline = Date.now() + REGISTERED_TIMEOUT_MS; ; await sleep(POLL_MS)) {
    const answer = await fetch(`http://${lookupd.http}/nodes`).catch(() => undefined);
    if (answer === undefined) return;
    const { producers } = /** @type {{ producers: { tcp_port: number }[] }} */ (await answer.json());
    if (producers.some((producer) => producer.tcp_port === port)) return;
    if (Date.now() > deadline) throw new Error(`nsqlookupd ${lookupd.http} does not list nsqd ${node.tcp}.`);
  }
}

/**
 * @param {object} parts
 * @param {NsqNode[]} parts.nodes
 * @param {NsqNode} parts.lookupd
 * @param {(flags?: Flags) => Promise<NsqNode>} parts.addNode
 * @param {Awaited<ReturnType<typeof securityOf>>} parts.security
 * @returns {PrivateNsq}
 */
function together({ nodes, lookupd, addNode, security }) {
  const [first] = nodes;
  if (first === undefined) throw new RangeError('startNsq: `nodes` must be 1 or more.');
  /** @param {(node: NsqNode) => Promise<void>} act */
  const each = (act) => Promise.all(nodes.map(act)).then(() => undefined);
  return {
    nodes,
    lookupd,
    addNode,
    secure: security.secure,
    get env() {
      return envOf(nodes, lookupd);
    },
    get pid() {
      return first.pid;
    },
    logFile: first.logFile,
    kill: () => each((node) => node.kill()),
    shutdown: () => each((node) => node.shutdown()),
    restart: () => each((node) => node.restart()),
    stop: async () => {
      await each((node) => node.stop());
      await lookupd.stop();
      await security.end();
    },
  };
}

/**
 * @param {readonly { tcp: string, http: string }[]} nodes
 * @param {{ http: string }} lookupd
 * @returns {NsqEnv}
 */
const envOf = (nodes, lookupd) => ({
  NSQD_TCP: nodes.map(({ tcp }) => tcp).join(','),
  NSQD_HTTP: nodes.map(({ http }) => http).join(','),
  NSQLOOKUPD_HTTP: lookupd.http,
});

/**
 * @typedef {object} SharedNsq
 * @property {NsqEnv} env
 * @property {'listening' | 'container' | 'private'} source
 * @property {() => Promise<void>} stop ends only what this call started
 */

/**
 * An NSQ to share: the one that NSQD_TCP, NSQD_HTTP and NSQLOOKUPD_HTTP name, else what `npm run brokers:up` left up,
 * else containers where an engine runs, else private servers.
 * @param {StartOptions & { env?: NodeJS.ProcessEnv }} [options]
 * @returns {Promise<SharedNsq>}
 * @throws {BrokerUnavailable} also when the variables name something that does not answer: it was asked for by name
 */
export async function useNsq({ env = process.env, ...options } = {}) {
  if (NSQ_VARIABLES.some((name) => env[name])) return listening(env);
  const standing = readStanding('nsq')?.env;
  if (standing && (await whyNot(standing)) === undefined) return listening(standing);
  const container = await runningContainer('nsqd', Object.keys(USUAL_PORTS), options.log ?? toStderr('nsq'));
  if (container) return { env: envOfPorts(container.ports), source: 'container', stop: container.stop };
  const { env: privateEnv, stop } = await startNsq(options);
  return { env: privateEnv, source: 'private', stop };
}

/**
 * @param {NodeJS.ProcessEnv} env
 * @returns {Promise<SharedNsq>}
 */
async function listening(env) {
  const why = await whyNot(env);
  if (why) throw new BrokerUnavailable('nsq', why, `Start it, or unset ${NSQ_VARIABLES.join(', ')}.`);
  const named = Object.fromEntries(NSQ_VARIABLES.map((name) => [name, env[name] ?? '']));
  return { env: /** @type {NsqEnv} */ (named), source: 'listening', stop: async () => undefined };
}

/** @type {import('./index.mjs').Broker} */
export const nsq = {
  use: useNsq,
  prepare: prepareNsq,
  prepareSuites: (options) => prepareNsq({ ...options, tls: 'required' }),
  startAt: (ports) => startNsq({ ports, installSystemPackages: false }),
  startCluster: (nodes) => startNsq({ nsqd: nodes, lookupd: 2, installSystemPackages: false }),
  service: 'nsqd',
  ports: USUAL_PORTS,
  envOf: envOfPorts,
  whyNot,
};
