import { hasEngine } from '../../test/brokers/container.mjs';
import { goToolsFolder, hasGoTools } from '../../test/brokers/go-tools.mjs';
import { brokers } from '../../test/brokers/index.mjs';
import { hasKafkaJars, KAFKA_VERSION, kafkaFolder } from '../../test/brokers/kafka/jars.mjs';
import { NATS_SERVER } from '../../test/brokers/nats/programs.mjs';
import { NSQ_PROGRAMS } from '../../test/brokers/nsq/programs.mjs';
import { isFree } from '../../test/brokers/ports.mjs';
import { readStanding } from '../../test/brokers/standing.mjs';
import { TOOLS, toolVersion, wanted } from '../../test/brokers/toolchain.mjs';
import { whyNotInstalled } from './install.mjs';
import { isSupported, MINIMUM_NODE } from './node-version.mjs';
import { cacheFolder } from './paths.mjs';

/** `note`: absent, but nothing needs it here. @typedef {{ state: 'ok' | 'missing' | 'note', name: string, value: string, remedy?: string }} Finding */

/** Ports of the sample services; those of the brokers are in test/brokers/index.mjs. */
const SERVICE_PORTS = { 'order-service': 3000, 'inventory-service': 3001 };

/** Names of the brokers as people write them. @type {Record<string, string>} */
const TITLES = { kafka: 'Kafka', nats: 'NATS', nsq: 'NSQ', rabbitmq: 'RabbitMQ' };

/** @returns {Promise<Finding[]>} */
export async function diagnose(env = process.env) {
  const engine = hasEngine();
  const jars = await hasKafkaJars(env);
  const goPrograms = await Promise.all([NATS_SERVER, NSQ_PROGRAMS].map((programs) => hasGoTools(programs, env)));
  const listening = await Promise.all(Object.keys(brokers).map((name) => brokerListening(name, env)));
  const ports = [...Object.values(brokers).map((broker) => broker.ports), SERVICE_PORTS].flatMap(Object.entries);
  return [
    nodeVersion(),
    await install(),
    ...listening,
    {
      state: engine ? 'ok' : 'note',
      name: 'container engine',
      value: engine ? 'docker answers' : 'none runs here; brokers start from local toolchains',
    },
    tool('java', 'starts Kafka, and the private brokers of the crash tests'),
    onceTool('mvn', 'downloads Kafka, once', jars, 'Kafka is downloaded already'),
    onceTool('go', 'builds NATS and NSQ, once', goPrograms.every(Boolean), 'NATS and NSQ are built already'),
    tool('rabbitmq', 'is RabbitMQ'),
    tool('kcat', 'is a Kafka client that we did not write, for the interop tests'),
    tool('pip', 'installs confluent-kafka, a client that we did not write, for the interop tests'),
    tool('openssl', 'makes certificates for the TLS tests'),
    tool('chromium', 'opens the pages of the documentation in their tests'),
    cachedServer(
      `Kafka ${KAFKA_VERSION}`,
      jars,
      kafkaFolder(env),
      'downloaded yet; the first test that needs it does it (54 MB)',
    ),
    ...[NATS_SERVER, NSQ_PROGRAMS].map((programs, i) =>
      cachedServer(
        `${programs.name} ${programs.version.slice(1)}`,
        goPrograms[i] === true,
        goToolsFolder(programs, env),
        'built yet; the first test that needs it does it (a minute)',
      ),
    ),
    { state: 'ok', name: 'cache', value: cacheFolder(env) },
    ...(await Promise.all(ports.map(([name, port]) => usualPort(name, port)))),
  ];
}

/**
 * @param {string} name
 * @param {boolean} there
 * @param {string} where
 * @param {string} not
 * @returns {Finding}
 */
const cachedServer = (name, there, where, not) => ({
  state: there ? 'ok' : 'note',
  name,
  value: there ? where : `not ${not}`,
});

/**
 * A tool that nobody needs any more once its work is in the cache.
 * @param {keyof typeof TOOLS} name
 * @param {string} what
 * @param {boolean} done
 * @param {string} why
 * @returns {Finding}
 */
const onceTool = (name, what, done, why) =>
  done && toolVersion(TOOLS[name]) === undefined ? { state: 'note', name, value: `absent; ${why}` } : tool(name, what);

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
 * @param {string} broker
 * @param {NodeJS.ProcessEnv} env
 * @returns {Promise<Finding>}
 */
async function brokerListening(broker, env) {
  const name = `${TITLES[broker] ?? broker} listening`;
  const { envOf, whyNot } = /** @type {import('../../test/brokers/index.mjs').Broker} */ (brokers[broker]);
  const variables = Object.keys(envOf([]));
  const named = variables.some((variable) => env[variable]);
  const standing = named ? env : readStanding(broker)?.env;
  if (!standing) {
    return { state: 'note', name, value: `none; tests start one. To keep one: npm run brokers:up ${broker}` };
  }
  const from = named ? variables.join(', ') : 'brokers:up';
  const why = await whyNot(standing);
  if (why === undefined) {
    return { state: 'ok', name, value: `${variables.map((variable) => standing[variable]).join(' ')} (${from})` };
  }
  const remedy = `npm run brokers:down ${broker} && npm run brokers:up ${broker}, or unset ${variables.join(', ')}`;
  // The reason names the variable; after brokers:up nobody has set it.
  const value = named ? why : `${from}: ${why.replace(/^.* is set, but /, '')}`;
  return { state: 'missing', name, value, remedy };
}

/**
 * @param {keyof typeof TOOLS} name
 * @param {string} what
 * @returns {Finding}
 */
function tool(name, what) {
  const version = toolVersion(TOOLS[name]);
  const { command } = TOOLS[name];
  if (version !== undefined) return { state: 'ok', name: command, value: version };
  return {
    state: 'missing',
    name: command,
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
