// How a real Kafka starts. Plain JavaScript on built-ins only: scripts use it before an install, Jest suites after it.
//
//   const kafka = await startKafka();               a private node: kill it, restart it, nobody else uses it
//   const kafka = await useKafka();                 the one to share: KAFKA_BROKERS, a container, or a private node
import { rm } from 'node:fs/promises';
import { isCi } from '../../scripts/lib/environment.mjs';
import { runningContainer } from './kafka/container.mjs';
import { kafkaJars } from './kafka/jars.mjs';
import { startNewNode } from './kafka/node.mjs';
import { probeKafka } from './kafka/probe.mjs';
import { USERS } from './kafka/security.mjs';
import { requireTools, TOOLS } from './toolchain.mjs';
import { readStanding } from './standing.mjs';
import { BrokerUnavailable } from './unavailable.mjs';

export { BrokerUnavailable } from './unavailable.mjs';

/**
 * @typedef {object} StartOptions
 * @property {boolean} [security] also TLS, mTLS and SASL listeners, see `secure` (default: false)
 * @property {Record<string, string>} [config] lines for server.properties, for example { 'message.max.bytes': '20000' }
 * @property {number} [port] of the plain listener (default: a free one)
 * @property {number} [heapMb] -Xmx (default: 768)
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
 * @typedef {object} PrivateKafka
 * @property {string[]} brokers the plain listener, ["127.0.0.1:port"]
 * @property {{ KAFKA_BROKERS: string }} env for a child process
 * @property {Secure | undefined} secure present with `security: true`
 * @property {number} pid of the JVM now running
 * @property {string} logFile
 * @property {() => Promise<void>} kill SIGKILL, as in a crash; resolves when the process has ended
 * @property {() => Promise<void>} shutdown SIGTERM, a controlled shutdown that keeps the data
 * @property {() => Promise<void>} restart same ports, same data; first kills a node that still runs
 * @property {() => Promise<void>} stop kills it and removes its folder; more than once is the same as once
 */

/**
 * Starts a private Kafka node (KRaft, one node, topic auto-creation off) on free ports in a temporary folder.
 * It dies with this process, however that ends. About 4 s; the first ever call on a machine downloads the jars.
 * @param {StartOptions} [options]
 * @returns {Promise<PrivateKafka>}
 * @throws {BrokerUnavailable} when java, mvn or the jars cannot be had; the message says the command
 */
export async function startKafka(options = {}) {
  const { security = false, config = {}, port, heapMb = 768 } = options;
  const libs = await prepareKafka(options);
  const { node, running: first } = await startNewNode({ libs, security, config, port, heapMb });
  let running = first;
  /** @param {NodeJS.Signals} signal */
  const end = (signal) => running.end(signal);
  const brokers = addresses(node, 'PLAINTEXT');
  return {
    brokers,
    env: { KAFKA_BROKERS: brokers.join(',') },
    secure: secureOf(node),
    get pid() {
      return running.pid;
    },
    logFile: `${node.folder}/kafka.log`,
    kill: () => end('SIGKILL'),
    shutdown: () => end('SIGTERM'),
    restart: async () => {
      await end('SIGKILL');
      running = await node.start();
    },
    stop: async () => {
      await end('SIGKILL');
      await rm(node.folder, { recursive: true, force: true });
    },
  };
}

/**
 * Brings everything that a private node needs onto this machine, without starting one.
 * @param {StartOptions} [options] `security` brings openssl too
 * @returns {Promise<string>} the folder of jars
 */
export async function prepareKafka({ installSystemPackages = isCi(), log = toStderr, security = false } = {}) {
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
  const container = await runningContainer(options.log ?? toStderr);
  if (container) return { ...container, source: 'container' };
  const { brokers, env: childEnv, stop } = await startKafka(options);
  return { brokers, env: childEnv, stop, source: 'private' };
}

/**
 * @param {string[]} brokers
 * @returns {Promise<SharedKafka>}
 */
async function listening(brokers) {
  const answers = await Promise.all(brokers.map((address) => probeKafka(address)));
  const failed = answers.find((answer) => !answer.ok);
  if (failed && !failed.ok) {
    throw new BrokerUnavailable(
      'kafka',
      `KAFKA_BROKERS is set, but ${failed.why}`,
      'Start it, or unset KAFKA_BROKERS.',
    );
  }
  return { brokers, env: { KAFKA_BROKERS: brokers.join(',') }, source: 'listening', stop: async () => undefined };
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

/** @param {string} line */
function toStderr(line) {
  process.stderr.write(`[kafka] ${line}\n`);
}
