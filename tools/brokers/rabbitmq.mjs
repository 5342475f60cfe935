// How a real RabbitMQ starts. Plain JavaScript on built-ins only, like kafka.mjs.
//
//   const rabbitmq = await startRabbitmq();         a private server: kill it, restart it, nobody else uses it
//   const rabbitmq = await startRabbitmq({ nodes: 3 });   a private cluster: kill, freeze, thaw and restart its nodes
//   const rabbitmq = await useRabbitmq();           the one to share: RABBITMQ_URL, a container, or a private server
import { randomUUID } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { mayInstall } from '../../scripts/lib/environment.mjs';
import { clusterOf, startTogether } from './cluster.mjs';
import { runningContainer } from './container.mjs';
import { uniqueName } from './names.mjs';
import { freePorts } from './ports.mjs';
import { controlsOf, startPrepared, withControls } from './private-server.mjs';
import { probeRabbitmq } from './rabbitmq/probe.mjs';
import { epmdProgram, rabbitmqServer } from './rabbitmq/program.mjs';
import { makeUsers, startWrongHost, USERS } from './rabbitmq/security.mjs';
import { prepareServer, startEpmd } from './rabbitmq/server.mjs';
import { readStanding } from './standing.mjs';
import { toStderr } from './to-stderr.mjs';
import { requireTools, TOOLS } from './toolchain.mjs';
import { BrokerUnavailable } from './unavailable.mjs';

export { BrokerUnavailable } from './unavailable.mjs';

const MANAGEMENT = 'rabbitmq_management';
const USUAL_PORTS = { RABBITMQ_PORT: 5672, RABBITMQ_MANAGEMENT_PORT: 15672 };

/**
 * @typedef {object} StartOptions
 * @property {Record<string, string>} [config] lines for rabbitmq.conf, for example { consumer_timeout: '5000' }
 * @property {boolean} [security] also a TLS listener, users and a virtual host, see `secure` (default: false)
 * @property {readonly string[]} [plugins] beside rabbitmq_management
 * @property {number} [port] of AMQP (default: a free one)
 * @property {number} [managementPort] (default: a free one)
 * @property {boolean} [installSystemPackages] may install rabbitmq-server by apt-get (default: where CI is set)
 * @property {(line: string) => void} [log] what is being done, when it takes longer than a start (default: to stderr)
 */

/**
 * @typedef {object} Secure
 * @property {string} tls "amqps://guest:guest@127.0.0.1:port", a certificate for localhost and 127.0.0.1. A client may show one too
 * @property {string} external "amqps://127.0.0.1:port": the same listener, to log in by `certificates.client` (EXTERNAL)
 * @property {string} wrongHost "amqps://guest:guest@127.0.0.1:port", a certificate for another host by the right CA
 * @property {(user: keyof typeof USERS) => string} as the plain listener's URL with that user, password and virtual host
 * @property {import('./certificates.mjs').Certificates} certificates
 */

/**
 * @typedef {object} RabbitmqAddress
 * @property {string} url "amqp://guest:guest@127.0.0.1:port"
 * @property {string} managementUrl "http://127.0.0.1:port", the HTTP API below /api, user guest, password guest
 * @property {{ RABBITMQ_URL: string }} env for a child process
 * @property {string} logFile
 * @property {(...args: string[]) => Promise<string>} control what rabbitmqctl answers; about 2 s
 * @property {Secure | undefined} secure present with `security: true`
 */

/** @typedef {RabbitmqAddress & import('./private-server.mjs').Controls} PrivateRabbitmq */

/**
 * @typedef {object} ClusterAddress
 * @property {string[]} urls of each node
 * @property {string[]} names of each node, as RabbitMQ calls it: "rabbit-...@localhost"
 * @property {string[]} managementUrls of each node
 * @property {(node: number, ...args: string[]) => Promise<string>} control what rabbitmqctl of that node answers; about 2 s
 */

/** @typedef {ClusterAddress & import('./cluster.mjs').Cluster} RabbitmqCluster */

/**
 * Starts a private RabbitMQ on free ports in a temporary folder, with an epmd of its own. It dies with this process,
 * however that ends. About 6 s, a restart about 3 s.
 * n.b. `kill` within about a second of a quorum queue's declaration loses that queue for good: 3.10.8 writes down which
 * queues it has a little later. It answers afterwards, but the queue has no leader. Leave two seconds, or `shutdown`.
 * With `nodes` a cluster, whose quorum queues are on every node; about 15 s.
 * @overload
 * @param {StartOptions & { nodes: number }} options
 * @returns {Promise<RabbitmqCluster>}
 * @throws {BrokerUnavailable} when rabbitmq-server is not on this machine; the message says the command
 */
/**
 * @overload
 * @param {StartOptions} [options]
 * @returns {Promise<PrivateRabbitmq>}
 */
/** @param {StartOptions & { nodes?: number }} [options] */
export async function startRabbitmq(options = {}) {
  return options.nodes === undefined ? startNode(options) : startNodes(options.nodes, options);
}

/**
 * @param {number} count
 * @param {StartOptions} options
 * @returns {Promise<RabbitmqCluster>}
 */
async function startNodes(count, options) {
  const { config = {}, plugins = [] } = options;
  const programs = await prepareRabbitmq(options);
  const folder = await mkdtemp(join(tmpdir(), 'nest-transport-epmd-'));
  const [epmdPort = 0] = await freePorts(1);
  const epmd = await startEpmd(programs.epmd, epmdPort, folder);
  const names = Array.from({ length: count }, () => `${uniqueName('rabbit')}@localhost`);
  const cookie = randomUUID();
  const prepared = await Promise.all(
    names.map((name) => {
      const member = { name, names, cookie, epmdPort };
      return prepareServer({
        ...programs,
        ...{ config, member, security: false, plugins: [MANAGEMENT, ...plugins], ports: {} },
      });
    }),
  );
  // n.b. the first alone: nodes that find each other in the same moment may found two clusters.
  const first = await startTogether(prepared.slice(0, 1));
  const cluster = clusterOf([...first, ...(await startTogether(prepared.slice(1)))]);
  const stopNodes = cluster.stop;
  const stop = async () => {
    await stopNodes();
    await epmd.end('SIGKILL');
    await rm(folder, { recursive: true, force: true });
  };
  const urls = prepared.map(({ port }) => at(port).url);
  const managementUrls = prepared.map(({ managementPort }) => `http://127.0.0.1:${managementPort}`);
  const control = async (/** @type {number} */ node, /** @type {string[]} */ ...args) =>
    (await prepared[node]?.control(...args)) ?? '';
  return Object.assign(cluster, { urls, names, managementUrls, control, stop });
}

/**
 * @param {StartOptions} options
 * @returns {Promise<PrivateRabbitmq>}
 */
async function startNode(options) {
  const { config = {}, plugins = [], port, managementPort, security = false } = options;
  const programs = await prepareRabbitmq(options);
  const all = {
    ...programs,
    config,
    security,
    plugins: [MANAGEMENT, ...plugins],
    ports: { amqp: port, management: managementPort },
  };
  const { prepared, running } = await startPrepared(() => prepareServer(all), { fixedPort: port !== undefined });
  const controls = controlsOf(prepared, running);
  const managementUrl = `http://127.0.0.1:${prepared.managementPort}`;
  const { secure, end } = await securedBy(prepared, managementUrl);
  const stopServer = controls.stop;
  const stop = () => end().then(stopServer);
  const { logFile, control } = prepared;
  return withControls(controls, { ...at(prepared.port), managementUrl, secure, logFile, control, stop });
}

/**
 * @param {import('./rabbitmq/server.mjs').RabbitmqServer} server
 * @param {string} managementUrl
 * @returns {Promise<{ secure: Secure | undefined, end: () => Promise<void> }>}
 */
async function securedBy({ port, tlsPort, certificates }, managementUrl) {
  if (certificates === undefined) return { secure: undefined, end: async () => undefined };
  await makeUsers(managementUrl);
  const wrongHost = await startWrongHost(certificates, port);
  const secure = {
    tls: `amqps://guest:guest@127.0.0.1:${tlsPort}`,
    external: `amqps://127.0.0.1:${tlsPort}`,
    wrongHost: `amqps://guest:guest@127.0.0.1:${wrongHost.port}`,
    as: (/** @type {keyof typeof USERS} */ name) => {
      const { username, password, vhost } = USERS[name];
      return `amqp://${username}:${password}@127.0.0.1:${port}/${encodeURIComponent(vhost)}`;
    },
    certificates,
  };
  return { secure, end: wrongHost.stop };
}

/**
 * Brings everything that a private server needs onto this machine, without starting one.
 * @param {StartOptions} [options]
 * @returns {Promise<{ program: string, epmd: string }>}
 */
export async function prepareRabbitmq({
  installSystemPackages = mayInstall(),
  log = toStderr('rabbitmq'),
  security = false,
} = {}) {
  const tools = [TOOLS.rabbitmq, TOOLS.epmd, ...(security ? [TOOLS.openssl] : [])];
  requireTools('rabbitmq', tools, { installSystemPackages, log });
  return { program: rabbitmqServer() ?? '', epmd: epmdProgram() ?? '' };
}

/**
 * @typedef {object} SharedRabbitmq
 * @property {string} url
 * @property {{ RABBITMQ_URL: string }} env
 * @property {'listening' | 'container' | 'private'} source
 * @property {() => Promise<void>} stop ends only what this call started
 */

/**
 * A RabbitMQ to share: the one that RABBITMQ_URL names, else what `npm run brokers:up` left up,
 * else a container where an engine runs, else a private server.
 * @param {StartOptions & { env?: NodeJS.ProcessEnv }} [options]
 * @returns {Promise<SharedRabbitmq>}
 * @throws {BrokerUnavailable} also when RABBITMQ_URL names something that does not answer: it was asked for by name
 */
export async function useRabbitmq({ env = process.env, ...options } = {}) {
  const named = env['RABBITMQ_URL'];
  if (named) return listening(named);
  const standing = readStanding('rabbitmq')?.env['RABBITMQ_URL'];
  if (standing && (await probeRabbitmq(standing)).ok) return listening(standing);
  const container = await runningContainer('rabbitmq', Object.keys(USUAL_PORTS), options.log ?? toStderr('rabbitmq'));
  if (container) return { ...at(container.ports[0] ?? 0), source: 'container', stop: container.stop };
  const { url, env: privateEnv, stop } = await startRabbitmq(options);
  return { url, env: privateEnv, source: 'private', stop };
}

/** @param {number} port */
function at(port) {
  const url = `amqp://guest:guest@127.0.0.1:${port}`;
  return { url, env: { RABBITMQ_URL: url } };
}

/**
 * @param {string} url
 * @returns {Promise<SharedRabbitmq>}
 */
async function listening(url) {
  const why = await whyNot({ RABBITMQ_URL: url });
  if (why) throw new BrokerUnavailable('rabbitmq', why, 'Start it, or unset RABBITMQ_URL.');
  return { url, env: { RABBITMQ_URL: url }, source: 'listening', stop: async () => undefined };
}

/** @param {Record<string, string | undefined>} env */
async function whyNot(env) {
  const answer = await probeRabbitmq(env['RABBITMQ_URL'] ?? '');
  return answer.ok ? undefined : `RABBITMQ_URL is set, but ${answer.why}`;
}

/** @type {import('./index.mjs').Broker} */
export const rabbitmq = {
  use: useRabbitmq,
  prepare: prepareRabbitmq,
  prepareSuites: (options) => prepareRabbitmq({ ...options, security: true }),
  startAt: ([port = 0, managementPort = 0]) => startRabbitmq({ port, managementPort, installSystemPackages: false }),
  startCluster: async (nodes) => {
    const cluster = await startRabbitmq({ nodes, installSystemPackages: false });
    return { ...cluster, env: { RABBITMQ_URL: cluster.urls.join(',') } };
  },
  service: 'rabbitmq',
  ports: USUAL_PORTS,
  envOf: ([port = 0]) => at(port).env,
  whyNot,
};
