/**
 * One line of a listener table:
 *
 *   name        protocol         what it is for
 *   PLAINTEXT   PLAINTEXT        everything else
 *   TLS         SSL              server certificate only
 *   MTLS        SSL              client certificate required
 *   WRONGHOST   SSL              right CA, a certificate for another host
 *   SASL        SASL_PLAINTEXT   user and password, no TLS
 *   SASLTLS     SASL_SSL         user and password over TLS
 *
 * @typedef {{ name: string, protocol: string, port: number, properties?: Record<string, string> }} Listener
 */

/** A certificate and key in one PEM file, and the CAs to believe. @typedef {{ keystore: string, truststore: string }} ServerPem */

/**
 * @param {object} node
 * @param {string} node.dataFolder
 * @param {number} node.controllerPort
 * @param {readonly Listener[]} node.listeners
 * @param {Record<string, string>} [node.extra] wins over everything here
 */
export function serverProperties({ dataFolder, controllerPort, listeners, extra = {} }) {
  const bound = listeners.map(({ name, port }) => `${name}://127.0.0.1:${port}`);
  const protocols = listeners.map(({ name, protocol }) => `${name}:${protocol}`);
  return asText({
    'process.roles': 'broker,controller',
    'node.id': '1',
    'controller.quorum.voters': `1@127.0.0.1:${controllerPort}`,
    'controller.listener.names': 'CONTROLLER',
    'inter.broker.listener.name': 'PLAINTEXT',
    listeners: [`CONTROLLER://127.0.0.1:${controllerPort}`, ...bound].join(','),
    'advertised.listeners': bound.join(','),
    'listener.security.protocol.map': ['CONTROLLER:PLAINTEXT', ...protocols].join(','),
    'log.dirs': dataFolder,
    // A typo in a topic name is an error in a test, as it is in production.
    'auto.create.topics.enable': 'false',
    'num.partitions': '3',
    // One node holds everything.
    'default.replication.factor': '1',
    'offsets.topic.replication.factor': '1',
    'offsets.topic.num.partitions': '5',
    'transaction.state.log.replication.factor': '1',
    'transaction.state.log.min.isr': '1',
    'transaction.state.log.num.partitions': '5',
    // A test's first member need not wait for others, and a dead one may be noticed within a second.
    'group.initial.rebalance.delay.ms': '0',
    'group.min.session.timeout.ms': '1000',
    // After SIGKILL the node may register again once its old session is over: 3 s, not 9.
    'broker.session.timeout.ms': '3000',
    'broker.heartbeat.interval.ms': '500',
    ...Object.assign({}, ...listeners.map((listener) => prefixed(listener))),
    ...extra,
  });
}

/** @param {Listener} listener */
function prefixed({ name, properties = {} }) {
  const prefix = `listener.name.${name.toLowerCase()}.`;
  return Object.fromEntries(Object.entries(properties).map(([key, value]) => [prefix + key, value]));
}

/** @param {Record<string, string>} properties */
function asText(properties) {
  return Object.entries(properties)
    .map(([key, value]) => `${key}=${value.replaceAll('\\', '\\\\')}\n`)
    .join('');
}

/**
 * @param {ServerPem} pem
 * @param {'none' | 'required'} clientAuth
 */
export const tlsProperties = ({ keystore, truststore }, clientAuth) => ({
  'ssl.keystore.type': 'PEM',
  'ssl.keystore.location': keystore,
  'ssl.truststore.type': 'PEM',
  'ssl.truststore.location': truststore,
  'ssl.client.auth': clientAuth,
});

/** @param {Record<string, string>} plainUsers password by user name */
export function saslProperties(plainUsers) {
  const users = Object.entries(plainUsers).map(([name, password]) => `user_${name}="${password}"`);
  const module = 'org.apache.kafka.common.security';
  return {
    'sasl.enabled.mechanisms': 'PLAIN,SCRAM-SHA-256,SCRAM-SHA-512',
    'plain.sasl.jaas.config': `${module}.plain.PlainLoginModule required ${users.join(' ')};`,
    'scram-sha-256.sasl.jaas.config': `${module}.scram.ScramLoginModule required;`,
    'scram-sha-512.sasl.jaas.config': `${module}.scram.ScramLoginModule required;`,
  };
}
