import { connect as connectTcp } from 'node:net';
import { createServer } from 'node:tls';

/**
 * Who may log in by password. `alice` in her own virtual host, with every right. `limited` there too, but may only use
 * what is named "allowed..."; guest (a wrong password: see `wrongPassword`) has every right in "/".
 */
export const USERS = {
  alice: { username: 'alice', password: 'alice-secret', vhost: 'shop' },
  limited: { username: 'bob', password: 'bob-secret', vhost: 'shop' },
  wrongPassword: { username: 'alice', password: 'guess', vhost: 'shop' },
  /** alice has no right in "/". */
  wrongVhost: { username: 'alice', password: 'alice-secret', vhost: '/' },
  /** Nobody has made it. */
  absentVhost: { username: 'alice', password: 'alice-secret', vhost: 'unsupported' },
};

/** The common name of `certificates.client`: who logs in by EXTERNAL. */
const CERTIFIED_USER = 'test-client';
const EVERYTHING = '.*';

/** Logs in by the client's certificate, where EXTERNAL is offered. */
export const EXTERNAL_PLUGIN = 'rabbitmq_auth_mechanism_ssl';

/**
 * @param {import('../certificates.mjs').Certificates} certificates
 * @param {number} port
 * @returns {Record<string, string>} lines of rabbitmq.conf
 */
export const tlsConfig = ({ ca, server }, port) => ({
  'listeners.ssl.1': `127.0.0.1:${port}`,
  'ssl_options.cacertfile': ca.certFile,
  'ssl_options.certfile': server.certFile,
  'ssl_options.keyfile': server.keyFile,
  // A client may show a certificate; one of another CA is refused.
  'ssl_options.verify': 'verify_peer',
  'ssl_options.fail_if_no_peer_cert': 'false',
  ssl_cert_login_from: 'common_name',
  'auth_mechanisms.1': 'PLAIN',
  'auth_mechanisms.2': 'AMQPLAIN',
  'auth_mechanisms.3': 'EXTERNAL',
});

/**
 * Makes the virtual host and the users.
 * @param {string} managementUrl
 */
export async function makeUsers(managementUrl) {
  const { alice, limited } = USERS;
  await put(managementUrl, `/vhosts/${alice.vhost}`, {});
  for (const { username, password } of [alice, limited]) {
    await put(managementUrl, `/users/${username}`, { password, tags: '' });
  }
  // No password: by certificate only.
  await put(managementUrl, `/users/${CERTIFIED_USER}`, { password_hash: '', tags: '' });
  await permit(managementUrl, alice.vhost, alice.username, EVERYTHING);
  await permit(managementUrl, alice.vhost, limited.username, '^(allowed.*|amq\\.default)$');
  await permit(managementUrl, '%2F', CERTIFIED_USER, EVERYTHING);
}

/**
 * @param {string} managementUrl
 * @param {string} vhost
 * @param {string} user
 * @param {string} names regular expression
 */
const permit = (managementUrl, vhost, user, names) =>
  put(managementUrl, `/permissions/${vhost}/${user}`, { configure: names, write: names, read: names });

/**
 * @param {string} managementUrl
 * @param {string} path
 * @param {object} body
 */
async function put(managementUrl, path, body) {
  const answer = await fetch(`${managementUrl}/api${path}`, {
    method: 'PUT',
    headers: { authorization: `Basic ${btoa('guest:guest')}`, 'content-type': 'application/json' },
    body: JSON.stringify(body),
  });
  if (!answer.ok) throw new Error(`RabbitMQ answered ${answer.status} to PUT ${path}: ${await answer.text()}`);
}

/**
 * A TLS listener in this process that shows a certificate for another host and passes everything on: RabbitMQ itself
 * shows one certificate on all its listeners. It does not keep the process alive.
 * @param {import('../certificates.mjs').Certificates} certificates
 * @param {number} target plain AMQP port
 * @returns {Promise<{ port: number, stop: () => Promise<void> }>}
 */
export async function startWrongHost({ wrongHost }, target) {
  const server = createServer({ cert: wrongHost.cert, key: wrongHost.key }, (client) => {
    const upstream = connectTcp(target, '127.0.0.1');
    for (const socket of [client, upstream]) socket.on('error', () => socket.destroy());
    client.pipe(upstream).pipe(client);
  });
  server.unref();
  await new Promise((resolve) => server.listen(0, '127.0.0.1', () => resolve(undefined)));
  const { port } = /** @type {import('node:net').AddressInfo} */ (server.address());
  return { port, stop: async () => void server.close() };
}
