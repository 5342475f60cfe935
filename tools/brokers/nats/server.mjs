import { mkdtemp, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startKept } from '../kept-process.mjs';
import { freePorts } from '../ports.mjs';
import { securityOf } from './security.mjs';

const START_TIMEOUT_MS = 30_000;

/**
 * @typedef {object} ServerOptions
 * @property {string} program
 * @property {Record<string, unknown>} config
 * @property {number | undefined} port
 * @property {import('./security.mjs').Tls | undefined} tls
 * @property {import('./security.mjs').Login | undefined} login
 * @property {ClusterPlace} [place] in a cluster (default: alone)
 */

/**
 * @typedef {object} ClusterPlace
 * @property {number} index from 0 on
 * @property {readonly number[]} routePorts of all nodes, by node
 */

/**
 * @typedef {import('../private-server.mjs').PreparedServer & {
 *   port: number,
 *   monitorPort: number,
 *   logFile: string,
 *   secure: import('./security.mjs').Secure,
 *   rewrite: (config: Record<string, unknown>) => Promise<void>,
 * }} NatsServer
 */

/** The name of a cluster's node, which JetStream reports as the leader of a stream. @param {number} index */
export const nodeName = (index) => `node-${index}`;

/**
 * A server with JetStream in a folder of its own.
 * @param {ServerOptions} options
 * @returns {Promise<NatsServer>}
 */
export async function prepareServer({ program, config, port: asked, tls, login, place }) {
  const folder = await mkdtemp(join(tmpdir(), 'nest-transport-nats-'));
  const [freePort = 0, monitorPort = 0] = await freePorts(2);
  const port = asked ?? freePort;
  const configFile = join(folder, 'server.conf');
  const listen = { host: '127.0.0.1', port, http: `127.0.0.1:${monitorPort}` };
  // n.b. JSON is a valid form of the server's own configuration language.
  const security = await securityOf({ tls, login }, folder);
  const jetstream = { store_dir: join(folder, 'jetstream') };
  const all = { ...listen, jetstream, ...(place ? clusterConfig(place) : {}), ...security.config, ...config };
  const rewrite = (/** @type {Record<string, unknown>} */ changes) =>
    writeFile(configFile, JSON.stringify({ ...all, ...changes }, undefined, 2));
  await rewrite({});
  const logFile = join(folder, 'nats.log');
  const start = () =>
    startKept({
      name: 'nats',
      command: program,
      args: ['-c', configFile],
      cwd: folder,
      log: logFile,
      ready: 'Server is ready',
      removeOnOrphan: folder,
      readyTimeoutMs: START_TIMEOUT_MS,
    });
  return { folder, port, monitorPort, logFile, secure: security.secure, rewrite, start };
}

/** @param {ClusterPlace} place */
function clusterConfig({ index, routePorts }) {
  const addresses = routePorts.map((port) => `127.0.0.1:${port}`);
  const routes = addresses.filter((_, node) => node !== index).map((address) => `nats://${address}`);
  return { server_name: nodeName(index), cluster: { name: 'test', listen: addresses[index], routes } };
}
