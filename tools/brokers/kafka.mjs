// How a real Kafka starts. Plain JavaScript on built-ins only: scripts use it before an install, Jest suites after it.
//
//   const kafka = await startKafka();               a private node: kill it, restart it, nobody else uses it
//   const kafka = await startKafka({ nodes: 3 });   a private cluster: kill, freeze, thaw and restart its nodes
//   const kafka = await useKafka();                 the one to share: KAFKA_BROKERS, a container, or a private node
import { mayInstall } from '../../scripts/lib/environment.mjs';
import { runningContainer } from './container.mjs';
import { knownClasses, prepareClasses } from './kafka/classes.mjs';
import { clusterOf, startTogether } from './cluster.mjs';
import { kafkaJars } from './kafka/jars.mjs';
import { newId } from './kafka/formatted.mjs';
import { formatNode } from './kafka/node.mjs';
import { freePorts } from './ports.mjs';
import { probeKafka } from './kafka/probe.mjs';
import { USERS } from './kafka/security.mjs';
import { controlsOf, startPrepared, withControls } from './private-server.mjs';
import { readStanding } from './standing.mjs';
import { toStderr } from './to-stderr.mjs';
import { requireTools, TOOLS } from './toolchain.mjs';
import { BrokerUnavailable } from './unavailable.mjs';

export { BrokerUnavailable } from './unavailable.mjs';
export { USERS } from './kafka/security.mjs';

/**
 * @typedef {object} StartOptions
 * @property {boolean} [security] also TLS, mTLS and SASL listeners, see `secure` (default: false)
 * @property {Record<string, string>} [config] lines for server.properties, for example { 'message.max.bytes': '20000' }
 * @property {number} [port] of the plain listener (default: a free one)
 * @property {number} [heapMb] -Xmx (default: 768)
 * @property {boolean} [fullCompiler] starts slower and is faster after minutes: for one that is measured, or stays (default: false)
 * @property {boolean} [installSystemPackages] may install java, mvn, openssl by apt-get (default: where CI is set)
 * @property {(line: string) => void} [log] what is being done, when it takes longer than a start (default: to stderr)
 */

/**
 * @typedef {object} Secure
 * @property {string[]} tls server certificate for localhost and 127.0.0.1
 * @property {string[]} mtls the same, and a client certificate is required
 * @property {string[]} wrongHost TLS with a certificate for another host, by the right CA
 * @property {string[]} sasl SASL without TLS: PLAIN as users.plain, SCRAM-SHA-256 and -512 as users.scram
 * @property {string[]} saslTls the same over TLS
 * @property {import('./certificates.mjs').Certificates} certificates
 * @property {typeof USERS} users
 */

/**
 * @typedef {object} KafkaAddress
 * @property {string[]} brokers the plain listener, ["127.0.0.1:port"]
 * @property {{ KAFKA_BROKERS: string }} env for a child process
 * @property {Secure | undefined} secure present with `security: true`
 * @property {string} logFile
 */

/** @typedef {KafkaAddress & import('./private-server.mjs').Controls} PrivateKafka */

/**
 * @typedef {object} ClusterAddress
 * @property {string[]} brokers the plain listeners; with `acl`, who comes here may do everything
 * @property {{ KAFKA_BROKERS: string }} env for a child process
 * @property {string[]} users with `acl`: the SASL listeners, for USERS.plain, which may do what ACLs allow and nothing else
 */

/** @typedef {ClusterAddress & import('./cluster.mjs').Cluster} KafkaCluster */

/**
 * Starts a private Kafka (KRaft, topic auto-creation off) on free ports in a temporary folder: one node, or several that
 * each hold everything, of which a majority has to store a message.
 * It dies with this process, however that ends. About 4 s a node; the first ever call on a machine downloads the jars.
 * @overload
 * @param {StartOptions & { nodes: number, acl?: boolean }} options
 * @returns {Promise<KafkaCluster>}
 * @throws {BrokerUnavailable} when java, mvn or the jars cannot be had; the message says the command
 */
/**
 * @overload
 * @param {StartOptions} [options]
 * @returns {Promise<PrivateKafka>}
 */
/** @param {StartOptions & { nodes?: number, acl?: boolean }} [options] */
export async function startKafka(options = {}) {
  return options.nodes === undefined ? startNode(options) : startNodes(options.nodes, options);
}

/**
 * @param {number} count
 * @param {StartOptions & { acl?: boolean }} options
 * @returns {Promise<KafkaCluster>}
 */
async function startNodes(count, options) {
  const { config = {}, heapMb = 512, fullCompiler = false, acl = false } = options;
  const libs = await prepareKafka(options);
  const archive = await knownClasses();
  const controllerPorts = await freePorts(count);
  const clusterId = newId();
  const prepared = await Promise.all(
    controllerPorts.map((_, index) => {
      const place = { clusterId, nodeId: index + 1, controllerPorts };
      return formatNode({ libs, security: false, acl, config, port: undefined, heapMb, archive, fullCompiler, place });
    }),
  );
  const cluster = clusterOf(await startTogether(prepared));
  const all = (/** @type {string} */ name) => prepared.flatMap((node) => addresses(node, name));
  return Object.assign(cluster, at(all('PLAINTEXT')), { users: all('SASL') });
}

/**
 * @param {StartOptions} options
 * @returns {Promise<PrivateKafka>}
 */
async function startNode(options) {
  const { security = false, config = {}, port, heapMb = 768, fullCompiler = false } = options;
  const libs = await prepareKafka(options);
  const archive = await knownClasses();
  const prepare = () => formatNode({ libs, security, config, port, heapMb, archive, fullCompiler });
  const { prepared: node, running } = await startPrepared(prepare, { fixedPort: port !== undefined });
  const brokers = addresses(node, 'PLAINTEXT');
  return withControls(controlsOf(node, running), {
    brokers,
    env: { KAFKA_BROKERS: brokers.join(',') },
    secure: secureOf(node),
    logFile: `${node.folder}/kafka.log`,
  });
}

/**
 * Brings everything that a private node needs onto this machine, without starting one.
 * @param {StartOptions} [options] `security` brings openssl too
 * @returns {Promise<string>} the folder of jars
 */
export async function prepareKafka({
  installSystemPackages = mayInstall(),
  log = toStderr('kafka'),
  security = false,
} = {}) {
  const options = { installSystemPackages, log };
  requireTools('kafka', security ? [TOOLS.java, TOOLS.openssl] : [TOOLS.java], options);
  return kafkaJars({ log, beforeDownload: () => requireTools('kafka', [TOOLS.mvn], options) });
}

/**
 * @typedef {object} SharedKafka
 * @property {string[]} brokers
 * @property {{ KAFKA_BROKERS: string }} env
 * @property {'listening' | 'container' | 'private'} source
 * @property {() => Promise<void>} stop ends only what this call started
 */

/**
 * A Kafka to share: the one that KAFKA_BROKERS names, else what `npm run brokers:up` left up,
 * else a container where an engine runs, else a private node.
 * @param {StartOptions & { env?: NodeJS.ProcessEnv }} [options]
 * @returns {Promise<SharedKafka>}
 * @throws {BrokerUnavailable} also when KAFKA_BROKERS names something that does not answer: it was asked for by name
 */
export async function useKafka({ env = process.env, ...options } = {}) {
  const named = env['KAFKA_BROKERS'];
  if (named) return listening(named.split(',').map((address) => address.trim()));
  const standing = readStanding('kafka')?.env['KAFKA_BROKERS'];
  if (standing && (await probeKafka(standing)).ok) return listening([standing]);
  const container = await runningContainer('kafka', ['KAFKA_PORT'], options.log ?? toStderr('kafka'));
  if (container) return { ...at([`127.0.0.1:${container.ports[0]}`]), source: 'container', stop: container.stop };
  const { brokers, stop } = await startKafka(options);
  return { ...at(brokers), source: 'private', stop };
}

/** @param {string[]} brokers */
const at = (brokers) => ({ brokers, env: { KAFKA_BROKERS: brokers.join(',') } });

/**
 * @param {string[]} brokers
 * @returns {Promise<SharedKafka>}
 */
async function listening(brokers) {
  const why = await whyNot(at(brokers).env);
  if (why) throw new BrokerUnavailable('kafka', why, 'Start it, or unset KAFKA_BROKERS.');
  return { ...at(brokers), source: 'listening', stop: async () => undefined };
}

/**
 * @param {import('./kafka/node.mjs').KafkaNode} node
 * @param {string} name
 */
const addresses = (node, name) =>
  node.listeners.filter((listener) => listener.name === name).map(({ port }) => `127.0.0.1:${port}`);

/**
 * @param {import('./kafka/node.mjs').KafkaNode} node
 * @returns {Secure | undefined}
 */
function secureOf(node) {
  if (node.certificates === undefined) return undefined;
  return {
    tls: addresses(node, 'TLS'),
    mtls: addresses(node, 'MTLS'),
    wrongHost: addresses(node, 'WRONGHOST'),
    sasl: addresses(node, 'SASL'),
    saslTls: addresses(node, 'SASLTLS'),
    certificates: node.certificates,
    users: USERS,
  };
}

/** @param {Record<string, string | undefined>} env */
async function whyNot(env) {
  const addresses = (env['KAFKA_BROKERS'] ?? '').split(',').map((address) => address.trim());
  const answers = await Promise.all(addresses.map((address) => probeKafka(address)));
  const failed = answers.find((answer) => !answer.ok);
  return failed && !failed.ok ? `KAFKA_BROKERS is set, but ${failed.why}` : undefined;
}

/** @type {import('./index.mjs').Broker} */
export const kafka = {
  use: useKafka,
  prepare: prepareKafka,
  prepareSuites: async ({ installSystemPackages = mayInstall(), log = toStderr('kafka') }) => {
    const libs = await prepareKafka({ installSystemPackages, log, security: true });
    // n.b. without it suites are slower, and not less true.
    await prepareClasses({ libs, log }).catch((error) => log(`no archive of classes: ${error}`));
    requireTools('kcat', [TOOLS.kcat], { installSystemPackages, log });
  },
  startAt: ([port = 0]) => startKafka({ port, installSystemPackages: false, fullCompiler: true }),
  startCluster: (nodes) => startKafka({ nodes, installSystemPackages: false, fullCompiler: true }),
  service: 'kafka',
  ports: { KAFKA_PORT: 9092 },
  envOf: ([port = 0]) => at([`127.0.0.1:${port}`]).env,
  whyNot,
};
