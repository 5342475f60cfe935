import { execFile } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { startKept } from '../kept-process.mjs';
import { freePorts } from '../ports.mjs';
import { formatByCopy, newId } from './formatted.mjs';
import { jvmArguments } from './jvm.mjs';
import { serverProperties } from './properties.mjs';
import { ACL_PROPERTIES, SCRAM_ARGUMENTS, SECURE_LISTENERS, secureListeners, userListener } from './security.mjs';

const run = promisify(execFile);

const START_TIMEOUT_MS = 90_000;
/**
 * @typedef {object} NodeOptions
 * @property {string} libs folder of the jars
 * @property {boolean} security
 * @property {boolean} [acl] also a SASL listener, whose users may do what ACLs allow
 * @property {Record<string, string>} config
 * @property {number | undefined} port
 * @property {number} heapMb
 * @property {string | undefined} [archive] of classes
 * @property {boolean} [fullCompiler]
 * @property {string[]} [more] arguments of the node's JVM
 * @property {ClusterPlace} [place] in a cluster (default: alone)
 */

/**
 * @typedef {object} ClusterPlace
 * @property {string} clusterId the same for all
 * @property {number} nodeId from 1 on
 * @property {readonly number[]} controllerPorts of all nodes, by node
 */

/**
 * @typedef {import('../private-server.mjs').PreparedServer & {
 *   listeners: import('./properties.mjs').Listener[],
 *   certificates: import('../certificates.mjs').Certificates | undefined,
 * }} KafkaNode a formatted node
 */

/**
 * @param {NodeOptions} options
 * @returns {Promise<KafkaNode>}
 */
export async function formatNode(options) {
  const folder = await mkdtemp(join(tmpdir(), 'nest-transport-kafka-'));
  try {
    return await formatIn(folder, options);
  } catch (error) {
    await rm(folder, { recursive: true, force: true });
    throw error;
  }
}

/**
 * @param {string} folder
 * @param {NodeOptions} options
 * @returns {Promise<KafkaNode>}
 */
async function formatIn(
  folder,
  { libs, security, acl = false, config, port, heapMb, archive, fullCompiler = false, more = [], place },
) {
  const secureCount = security ? SECURE_LISTENERS.length : 0;
  const [ownPort = 0, freePort = 0, userPort = 0, ...securePorts] = await freePorts(3 + secureCount);
  const { nodeId, controllerPorts, clusterId } = place ?? {
    nodeId: 1,
    controllerPorts: [ownPort],
    clusterId: newId(),
  };
  const secure = security ? await secureListeners(join(folder, 'certificates'), securePorts) : undefined;
  const listeners = [
    { name: 'PLAINTEXT', protocol: 'PLAINTEXT', port: port ?? freePort },
    ...(secure?.listeners ?? []),
    ...(acl ? [userListener(userPort)] : []),
  ];
  const extra = { ...(acl ? ACL_PROPERTIES : {}), ...config };
  const properties = join(folder, 'server.properties');
  const dataFolder = join(folder, 'data');
  const all = { nodeId, controllerPorts, listeners, extra };
  await writeFile(properties, serverProperties({ ...all, dataFolder }));
  const format = (/** @type {string} */ file) =>
    formatByTool({ libs, archive }, clusterId, file, security ? SCRAM_ARGUMENTS : []);
  if (security) await format(properties);
  else
    await formatByCopy({ dataFolder, clusterId, nodeId, byTool: (other) => formatOther(folder, all, other, format) });
  const jvm = await jvmArguments({ libs, heapMb, archive, fullCompiler });
  const start = () =>
    startKept({
      name: 'kafka',
      command: 'java',
      args: [...more, ...jvm, 'kafka.Kafka', properties],
      cwd: folder,
      log: join(folder, 'kafka.log'),
      ready: 'Kafka Server started',
      removeOnOrphan: folder,
      readyTimeoutMs: START_TIMEOUT_MS,
    });
  return { folder, listeners, certificates: secure?.certificates, start };
}

/**
 * @param {string} folder of the node
 * @param {Omit<Parameters<typeof serverProperties>[0], 'dataFolder'>} all of its properties
 * @param {string} dataFolder another one than the node's
 * @param {(file: string) => Promise<void>} format
 */
async function formatOther(folder, all, dataFolder, format) {
  const file = join(folder, 'format.properties');
  await writeFile(file, serverProperties({ ...all, dataFolder }));
  await format(file);
}

/**
 * @param {{ libs: string, archive: string | undefined }} java
 * @param {string} clusterId
 * @param {string} properties
 * @param {string[]} extra
 */
async function formatByTool(java, clusterId, properties, extra) {
  const jvm = await jvmArguments({ ...java, heapMb: 128 });
  await run('java', [...jvm, 'kafka.tools.StorageTool', 'format', '-t', clusterId, '-c', properties, ...extra]);
}
