import { execFile } from 'node:child_process';
import { mkdtemp, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { makeCertificates } from '../certificates.mjs';
import { startKept } from '../kept-process.mjs';
import { uniqueName } from '../names.mjs';
import { freePorts } from '../ports.mjs';
import { EXTERNAL_PLUGIN, tlsConfig } from './security.mjs';

const START_TIMEOUT_MS = 90_000;
const EPMD_TIMEOUT_MS = 10_000;
const CONTROL_TIMEOUT_MS = 30_000;

/**
 * @typedef {object} ServerOptions
 * @property {string} program
 * @property {string} epmd
 * @property {Record<string, string>} config
 * @property {boolean} security
 * @property {readonly string[]} plugins
 * @property {{ amqp?: number | undefined, management?: number | undefined }} ports
 * @property {Membership} [member] of a cluster (default: alone)
 */

/**
 * @typedef {object} Membership
 * @property {string} name of this node
 * @property {readonly string[]} names of all nodes
 * @property {string} cookie what nodes of one cluster know each other by
 * @property {number} epmdPort of an epmd that runs already
 */

/**
 * @typedef {import('../private-server.mjs').PreparedServer & {
 *   port: number,
 *   managementPort: number,
 *   logFile: string,
 *   tlsPort: number,
 *   control: (...args: string[]) => Promise<string>,
 *   certificates: import('../certificates.mjs').Certificates | undefined,
 * }} RabbitmqServer
 */

/**
 * A server in a folder of its own, with an epmd of its own: nothing is shared with another Erlang on this machine.
 * @param {ServerOptions} options
 * @returns {Promise<RabbitmqServer>}
 */
export async function prepareServer({ program, epmd, config, security, plugins, ports, member }) {
  const [freePort = 0, freeManagement = 0, distributionPort = 0, epmdPort = 0, tlsPort = 0] = await freePorts(5);
  const folder = await mkdtemp(join(tmpdir(), 'nest-transport-rabbitmq-'));
  const port = ports.amqp ?? freePort;
  const managementPort = ports.management ?? freeManagement;
  const certificates = security ? await makeCertificates(join(folder, 'certificates')) : undefined;
  const tls = certificates ? tlsConfig(certificates, tlsPort) : {};
  const settings = { ...listeners(port, managementPort), ...tls, ...(member ? clusterConfig(member) : {}), ...config };
  await writeFile(join(folder, 'rabbitmq.conf'), asText(settings));
  await writeFile(
    join(folder, 'enabled_plugins'),
    `[${[...plugins, ...(security ? [EXTERNAL_PLUGIN] : [])].join(',')}].\n`,
  );
  const logFile = join(folder, 'rabbitmq.log');
  const env = {
    ...environment(folder, distributionPort, member?.epmdPort ?? epmdPort),
    ...(member ? { RABBITMQ_NODENAME: member.name } : {}),
  };
  if (member) await writeFile(join(folder, '.erlang.cookie'), member.cookie, { mode: 0o400 });
  /** @type {import('../kept-process.mjs').KeptProcess | undefined} */
  let finder;
  const start = async () => {
    if (!member) finder ??= await startEpmd(epmd, epmdPort, folder);
    return startKept({
      name: 'rabbitmq',
      command: program,
      args: [],
      env,
      cwd: folder,
      log: logFile,
      ready: 'Server startup complete',
      removeOnOrphan: folder,
      readyTimeoutMs: START_TIMEOUT_MS,
    });
  };
  const endRest = async () => finder?.end('SIGKILL');
  const control = controlOf(join(dirname(program), 'rabbitmqctl'), env);
  return { folder, port, managementPort, tlsPort, certificates, logFile, control, start, endRest };
}

/**
 * @param {string} program rabbitmqctl
 * @param {Record<string, string>} env the server's own: its cookie and its epmd are there
 */
const controlOf =
  (program, env) =>
  async (/** @type {string[]} */ ...args) => {
    const options = { env: { ...process.env, ...env }, timeout: CONTROL_TIMEOUT_MS };
    return (await promisify(execFile)(program, args, options)).stdout;
  };

/**
 * @param {number} port
 * @param {number} managementPort
 */
const listeners = (port, managementPort) => ({
  'listeners.tcp.1': `127.0.0.1:${port}`,
  'management.tcp.ip': '127.0.0.1',
  'management.tcp.port': String(managementPort),
  // A machine under test may be nearly full; the broker would block every publisher.
  'disk_free_limit.absolute': '50MB',
});

/**
 * n.b. the first founds the cluster and knows of nobody: it would look for the others for five seconds, and they start after it.
 * @param {Membership} member
 */
const clusterConfig = ({ name, names }) => ({
  'cluster_formation.peer_discovery_backend': 'classic_config',
  ...Object.fromEntries(
    (name === names[0] ? [name] : names).map((each, index) => [
      `cluster_formation.classic_config.nodes.${index + 1}`,
      each,
    ]),
  ),
});

/** @param {Record<string, string>} settings */
const asText = (settings) =>
  Object.entries(settings)
    .map(([key, value]) => `${key} = ${value}\n`)
    .join('');

/**
 * @param {string} folder
 * @param {number} distributionPort
 * @param {number} epmdPort
 */
const environment = (folder, distributionPort, epmdPort) => ({
  // Erlang keeps its cookie there: nobody else's is read or written.
  HOME: folder,
  RABBITMQ_CONF_ENV_FILE: join(folder, 'no-environment-file'),
  RABBITMQ_CONFIG_FILE: join(folder, 'rabbitmq.conf'),
  RABBITMQ_ADVANCED_CONFIG_FILE: join(folder, 'no-advanced.config'),
  RABBITMQ_ENABLED_PLUGINS_FILE: join(folder, 'enabled_plugins'),
  RABBITMQ_NODENAME: `${uniqueName('rabbit')}@localhost`,
  RABBITMQ_MNESIA_BASE: join(folder, 'data'),
  RABBITMQ_LOG_BASE: join(folder, 'logs'),
  RABBITMQ_LOGS: '-',
  RABBITMQ_DIST_PORT: String(distributionPort),
  ERL_EPMD_PORT: String(epmdPort),
  ERL_EPMD_ADDRESS: '127.0.0.1',
  // The script becomes the server instead of waiting for it: a signal reaches the server itself.
  detached: 'true',
});

/**
 * @param {string} epmd
 * @param {number} port
 * @param {string} folder
 */
export const startEpmd = (epmd, port, folder) =>
  startKept({
    name: 'epmd',
    command: epmd,
    // Twice -d: it says when it listens.
    args: ['-d', '-d', '-port', String(port), '-address', '127.0.0.1'],
    cwd: folder,
    log: join(folder, 'epmd.log'),
    ready: 'entering the main select',
    readyTimeoutMs: EPMD_TIMEOUT_MS,
  });
