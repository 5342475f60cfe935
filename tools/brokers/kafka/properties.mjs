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
 * @param {number} node.nodeId from 1 on
 * @param {readonly number[]} node.controllerPorts of all nodes
 * @param {readonly Listener[]} node.listeners
 * @param {Record<string, string>} [node.extra] wins over everything here
 */
export function serverProperties({ dataFolder, nodeId, controllerPorts, listeners, extra = {} }) {
  const bound = listeners.map(({ name, port }) => `${name}://127.0.0.1:${port}`);
  const voters = controllerPorts.map((port, index) => `${index + 1}@127.0.0.1:${port}`);
  const copies = String(controllerPorts.length);
  const majority = String(Math.floor(controllerPorts.length / 2) + 1);
  const protocols = listeners.map(({ name, protocol }) => `${name}:${protocol}`);
  return asText({
    'process.roles': 'broker,controller',
    'node.id': String(nodeId),
    'controller.quorum.voters': voters.join(','),
    'controller.listener.names': 'CONTROLLER',
    'inter.broker.listener.name': 'PLAINTEXT',
    listeners: [`CONTROLLER://127.0.0.1:${controllerPorts[nodeId - 1]}`, ...bound].join(','),
    'advertised.listeners': bound.join(','),
    'listener.security.protocol.map': ['CONTROLLER:PLAINTEXT', ...protocols].join(','),
    'log.dirs': dataFolder,
    // A typo in a topic name is an error in a test, as it is in production.
    'auto.create.topics.enable': 'false',
    'num.partitions': '3',
    // Each node holds everything.
    'default.replication.factor': copies,
    'min.insync.replicas': majority,
    'offsets.topic.replication.factor': copies,
    'offsets.topic.num.partitions': '5',
    'transaction.state.log.replication.factor': copies,
    'transaction.state.log.min.isr': majority,
    'transaction.state.log.num.partitions': '5',
    // A test's first member need not wait for others, and a dead one may be noticed within a second.
    'group.initial.rebalance.delay.ms': '0',
    'group.min.session.timeout.ms': '1000',
    // After SIGKILL the node may register again once its old session is over: 3 s, not 9.
    'broker.session.timeout.ms': '3000',
    'broker.heartbeat.interval.ms': '500',
    // The time until a broker asks another controller, when the one that leads is stopped.
    'controller.socket.timeout.ms': '2000',
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
