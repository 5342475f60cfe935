import { hasEngine } from '../../test/brokers/container.mjs';
import { hasKafkaJars, KAFKA_VERSION, kafkaFolder } from '../../test/brokers/kafka/jars.mjs';
import { probeKafka } from '../../test/brokers/kafka/probe.mjs';
import { isFree } from '../../test/brokers/ports.mjs';
import { readStanding } from '../../test/brokers/standing.mjs';
import { TOOLS, toolVersion, wanted } from '../../test/brokers/toolchain.mjs';
import { whyNotInstalled } from './install.mjs';
import { isSupported, MINIMUM_NODE } from './node-version.mjs';
import { cacheFolder } from './paths.mjs';

/** `note`: absent, but nothing needs it here. @typedef {{ state: 'ok' | 'missing' | 'note', name: string, value: string, remedy?: string }} Finding */

/** Ports that people's own configuration names by default. */
const USUAL_PORTS = { kafka: 9092, 'order-service': 3000, 'inventory-service': 3001 };

/** @returns {Promise<Finding[]>} */
export async function diagnose(env = process.env) {
  const engine = hasEngine();
  const listening = await kafkaListening(env);
  const otherWay = engine || listening.state === 'ok';
  const jars = await hasKafkaJars(env);
  return [
    nodeVersion(),
    await install(),
    listening,
    {
      state: engine ? 'ok' : 'note',
      name: 'container engine',
      value: engine ? 'docker answers' : 'none runs here; brokers start from local toolchains',
    },
    tool('java', 'starts Kafka, and the private brokers of the crash tests'),
    jars && toolVersion(TOOLS.mvn) === undefined
      ? { state: 'note', name: 'mvn', value: 'absent; Kafka is downloaded already' }
      : tool('mvn', 'downloads Kafka, once'),
    tool('openssl', 'makes certificates for the TLS tests'),
    {
      state: jars || otherWay ? 'ok' : 'note',
      name: `Kafka ${KAFKA_VERSION}`,
      value: jars ? kafkaFolder(env) : 'not downloaded yet; the first test that needs it does it (54 MB)',
    },
    { state: 'ok', name: 'cache', value: cacheFolder(env) },
    ...(await Promise.all(Object.entries(USUAL_PORTS).map(([name, port]) => usualPort(name, port)))),
  ];
}

/** @returns {Finding} */
function nodeVersion() {
  const value = `${process.version}, npm test needs >= ${MINIMUM_NODE.join('.')}`;
  if (isSupported(process.versions.node)) return { state: 'ok', name: 'node', value };
  return { state: 'missing', name: 'node', value, remedy: 'install a newer Node' };
}

/** @returns {Promise<Finding>} */
async function install() {
  const reason = await whyNotInstalled();
  if (reason === undefined) return { state: 'ok', name: 'packages', value: 'as in package-lock.json' };
  return {
    state: 'missing',
    name: 'packages',
    value: reason,
    remedy: 'npm ci (or any of our commands: each installs first)',
  };
}

/**
 * @param {NodeJS.ProcessEnv} env
 * @returns {Promise<Finding>}
 */
async function kafkaListening(env) {
  const name = 'Kafka listening';
  const named = env['KAFKA_BROKERS'];
  const addresses = named ?? readStanding('kafka')?.env['KAFKA_BROKERS'];
  if (!addresses) return { state: 'note', name, value: 'none; tests start one. To keep one: npm run brokers:up' };
  const from = named ? 'KAFKA_BROKERS' : 'brokers:up';
  const answers = await Promise.all(addresses.split(',').map((address) => probeKafka(address.trim())));
  const failed = answers.find((answer) => !answer.ok);
  if (!failed || failed.ok) return { state: 'ok', name, value: `${addresses} (${from})` };
  return {
    state: 'missing',
    name,
    value: `${from}: ${failed.why}`,
    remedy: 'npm run brokers:down && npm run brokers:up, or unset KAFKA_BROKERS',
  };
}

/**
 * @param {keyof typeof TOOLS} name
 * @param {string} what
 * @returns {Finding}
 */
function tool(name, what) {
  const version = toolVersion(TOOLS[name]);
  if (version !== undefined) return { state: 'ok', name, value: version };
  return {
    state: 'missing',
    name,
    value: `${wanted(TOOLS[name])} is not here; it ${what}`,
    remedy: `apt-get install ${TOOLS[name].debianPackage}`,
  };
}

/**
 * @param {string} name
 * @param {number} port
 * @returns {Promise<Finding>}
 */
async function usualPort(name, port) {
  const free = await isFree(port);
  return {
    state: free ? 'ok' : 'note',
    name: `port ${port}`,
    value: free ? `free (${name})` : `taken; ${name} uses it by default`,
  };
}
