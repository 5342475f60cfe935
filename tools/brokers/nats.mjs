// How a real NATS with JetStream starts. Plain JavaScript on built-ins only, like kafka.mjs.
//
//   const nats = await startNats();                 a private server: kill it, restart it, nobody else uses it
//   const nats = await startNats({ nodes: 3 });     a private cluster: kill, freeze, thaw and restart its nodes
//   const nats = await useNats();                   the one to share: NATS_URL, a container, or a private server
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { mayInstall } from '../../scripts/lib/environment.mjs';
import { clusterOf, startTogether } from './cluster.mjs';
import { runningContainer } from './container.mjs';
import { goTools } from './go-tools.mjs';
import { probeNats } from './nats/probe.mjs';
import { NATS_CLI, NATS_SERVER } from './nats/programs.mjs';
import { nodeName, prepareServer } from './nats/server.mjs';
import { freePorts } from './ports.mjs';
import { controlsOf, startPrepared, withControls } from './private-server.mjs';
import { readStanding } from './standing.mjs';
import { requireTools, TOOLS } from './toolchain.mjs';
import { toStderr } from './to-stderr.mjs';
import { BrokerUnavailable } from './unavailable.mjs';

export { BrokerUnavailable } from './unavailable.mjs';

/**
 * @typedef {object} StartOptions
 * @property {Record<string, unknown>} [config] of the server, in its own words, for example { max_payload: 20000 }
 * @property {number} [port] (default: a free one)
 * @property {import('./nats/security.mjs').Tls} [tls] the server takes TLS only (default: none)
 * @property {import('./nats/security.mjs').Login} [login] what a client must show (default: nothing)
 * @property {boolean} [installSystemPackages] may install Go by apt-get (default: where CI is set)
 * @property {(line: string) => void} [log] what is being done, when it takes longer than a start (default: to stderr)
 */

/**
 * @typedef {object} NatsAddress
 * @property {string} url "nats://127.0.0.1:port"
 * @property {string} monitorUrl "http://127.0.0.1:port": /varz, /connz, /jsz
 * @property {{ NATS_URL: string }} env for a child process
 * @property {string} logFile
 * @property {import('./nats/security.mjs').Secure} secure what gets in, and what is kept out
 * @property {(config: Record<string, unknown>) => Promise<void>} reload changes its configuration while it runs, as an operator does
 */

/** @typedef {NatsAddress & import('./private-server.mjs').Controls} PrivateNats */

/**
 * @typedef {object} ClusterAddress
 * @property {string[]} urls one a node
 * @property {string[]} monitorUrls one a node
 * @property {{ NATS_URL: string }} env for a child process: all nodes
 * @property {(config: Record<string, unknown>) => Promise<void>} reload changes the configuration of all nodes while they run
 * @property {(name: string) => number} nodeNamed the node that JetStream calls so, for example the leader of a stream
 */

/** @typedef {ClusterAddress & import('./cluster.mjs').Cluster} NatsCluster */

/** A cluster elects the leader that keeps its streams within a few seconds. */
const ELECTION_LIMIT_MS = 30_000;

/**
 * Starts a private nats-server with JetStream on free ports in a temporary folder. It dies with this process, however
 * that ends. About 0.1 s; the first ever call on a machine builds the server.
 *
 * Secured, one server each, because NATS has one listener:
 *   startNats({ tls: 'server' })      connect with tls: { ca: secure.certificates.ca.cert }; refused: wrongCa, or no CA
 *   startNats({ tls: 'wrong-host' })  refused although the CA is right
 *   startNats({ tls: 'mutual' })      connect with cert and key of secure.certificates.client; refused: none, or wrongClient
 *   startNats({ login: 'password' })  secure.users.right, .wrongPassword, .limited (subjects "allowed.>" only)
 *   startNats({ login: 'token' })     secure.tokens.right, .wrong
 *   startNats({ login: 'nkey' })      secure.seeds.right, .wrong
 *   startNats({ login: 'creds' })     secure.creds.right, .foreign, .expired
 * `tls` and `login` go together. `stop` and `restart` are the same for all.
 *
 * With `nodes` it is a cluster, about 5 s until its first election is over.
 * @overload
 * @param {Pick<StartOptions, 'config' | 'installSystemPackages' | 'log'> & { nodes: number }} options
 * @returns {Promise<NatsCluster>}
 * @throws {BrokerUnavailable} when Go or the server's module cannot be had; the message says the command
 */
/**
 * @overload
 * @param {StartOptions} [options]
 * @returns {Promise<PrivateNats>}
 */
/** @param {StartOptions & { nodes?: number }} [options] */
export async function startNats(options = {}) {
  return options.nodes === undefined ? startNode(options) : startNodes(options.nodes, options);
}

/**
 * @param {number} count
 * @param {StartOptions} options
 * @returns {Promise<NatsCluster>}
 */
async function startNodes(count, options) {
  const program = await prepareNats(options);
  const routePorts = await freePorts(count);
  const ofNode = { program, config: options.config ?? {}, port: undefined, tls: undefined, login: undefined };
  const prepared = await Promise.all(
    routePorts.map((_, index) => prepareServer({ ...ofNode, place: { index, routePorts } })),
  );
  const cluster = clusterOf(await startTogether(prepared));
  const urls = prepared.map(({ port }) => `nats://127.0.0.1:${port}`);
  const monitorUrls = prepared.map(({ monitorPort }) => `http://127.0.0.1:${monitorPort}`);
  await Promise.all(monitorUrls.map(untilHealthy)).catch(async (error) => {
    await cluster.stop();
    throw error;
  });
  const nodeNamed = (/** @type {string} */ name) => urls.findIndex((_, index) => nodeName(index) === name);
  const restart = async (/** @type {number} */ node) => {
    await cluster.restart(node);
    await untilHealthy(monitorUrls[node] ?? '');
  };
  const reload = async (/** @type {Record<string, unknown>} */ changes) => {
    await Promise.all(prepared.map(({ rewrite }) => rewrite(changes)));
    for (const { pid } of cluster.nodes) process.kill(pid, 'SIGHUP');
  };
  return Object.assign(
    { ...cluster, restart, reload },
    { urls, monitorUrls, env: { NATS_URL: urls.join(',') }, nodeNamed },
  );
}

/** Resolves when the node knows its cluster's leader and has what the others have. @param {string} monitorUrl */
async function untilHealthy(monitorUrl) {
  for (const deadline = Date.now() + ELECTION_LIMIT_MS; ; await pause(50)) {
    const answer = await fetch(`${monitorUrl}/healthz`).catch(() => undefined);
    const why = await answer?.text();
    if (answer?.ok) return;
    if (Date.now() > deadline) throw new Error(`${monitorUrl} is not ready after ${ELECTION_LIMIT_MS} ms: ${why}`);
  }
}

/**
 * @param {StartOptions} options
 * @returns {Promise<PrivateNats>}
 */
async function startNode(options) {
  const { config = {}, port, tls, login } = options;
  const program = await prepareNats(options);
  const prepare = () => prepareServer({ program, config, port, tls, login });
  const { prepared, running } = await startPrepared(prepare, { fixedPort: port !== undefined });
  const url = `nats://127.0.0.1:${prepared.port}`;
  const monitorUrl = `http://127.0.0.1:${prepared.monitorPort}`;
  const controls = controlsOf(prepared, running);
  const reload = async (/** @type {Record<string, unknown>} */ changes) => {
    await prepared.rewrite(changes);
    process.kill(controls.pid, 'SIGHUP');
  };
  const { logFile, secure } = prepared;
  return withControls(controls, { url, monitorUrl, env: { NATS_URL: url }, logFile, secure, reload });
}

/**
 * Brings everything that a private server needs onto this machine, without starting one.
 * @param {StartOptions} [options]
 * @returns {Promise<string>} the program
 */
export async function prepareNats({ installSystemPackages = mayInstall(), log = toStderr('nats'), tls } = {}) {
  if (tls) requireTools('nats', [TOOLS.openssl], { installSystemPackages, log });
  return join(await goTools(NATS_SERVER, { installSystemPackages, log }), 'nats-server');
}

/**
 * @typedef {object} SharedNats
 * @property {string} url
 * @property {{ NATS_URL: string }} env
 * @property {'listening' | 'container' | 'private'} source
 * @property {() => Promise<void>} stop ends only what this call started
 */

/**
 * A NATS with JetStream to share: the one that NATS_URL names, else what `npm run brokers:up` left up,
 * else a container where an engine runs, else a private server.
 * @param {StartOptions & { env?: NodeJS.ProcessEnv }} [options]
 * @returns {Promise<SharedNats>}
 * @throws {BrokerUnavailable} also when NATS_URL names something that does not answer: it was asked for by name
 */
export async function useNats({ env = process.env, ...options } = {}) {
  const named = env['NATS_URL'];
  if (named) return listening(named);
  const standing = readStanding('nats')?.env['NATS_URL'];
  if (standing && (await probeNats(standing)).ok) return listening(standing);
  const container = await runningContainer('nats', ['NATS_PORT'], options.log ?? toStderr('nats'));
  if (container) return { ...at(`nats://127.0.0.1:${container.ports[0]}`), source: 'container', stop: container.stop };
  const { url, stop } = await startNats(options);
  return { ...at(url), source: 'private', stop };
}

/** @param {string} url */
const at = (url) => ({ url, env: { NATS_URL: url } });

/**
 * @param {string} url
 * @returns {Promise<SharedNats>}
 */
async function listening(url) {
  const why = await whyNot({ NATS_URL: url });
  if (why) throw new BrokerUnavailable('nats', why, 'Start it, or unset NATS_URL.');
  return { ...at(url), source: 'listening', stop: async () => undefined };
}

/** @param {Record<string, string | undefined>} env */
async function whyNot(env) {
  const answer = await probeNats(env['NATS_URL'] ?? '');
  return answer.ok ? undefined : `NATS_URL is set, but ${answer.why}`;
}

/** @type {import('./index.mjs').Broker} */
export const nats = {
  use: useNats,
  prepare: prepareNats,
  prepareSuites: async ({ installSystemPackages = mayInstall(), log = toStderr('nats') }) => {
    await prepareNats({ installSystemPackages, log, tls: 'server' });
    await goTools(NATS_CLI, { installSystemPackages, log });
  },
  startAt: ([port = 0]) => startNats({ port, installSystemPackages: false }),
  startCluster: (nodes) => startNats({ nodes, installSystemPackages: false }),
  service: 'nats',
  ports: { NATS_PORT: 4222 },
  envOf: ([port = 0]) => at(`nats://127.0.0.1:${port}`).env,
  whyNot,
};
