import { createServer } from 'node:http';

/**
 * What an nsqd asks before it lets a client do anything: `GET /auth?secret=...&remote_ip=...&tls=...&common_name=...`.
 * @typedef {object} AuthServer
 * @property {string} address host:port, for `--auth-http-address`
 * @property {typeof SECRETS} secrets
 * @property {() => Promise<void>} stop
 */

/** What a client sends in AUTH. */
export const SECRETS = {
  /** May publish and subscribe everywhere. */
  right: 'right-secret',
  /** May subscribe everywhere and publish nowhere. */
  readOnly: 'read-only-secret',
  /** Known, but may do nothing. */
  powerless: 'powerless-secret',
  /** Unknown. */
  wrong: 'guess',
};

/** How long an nsqd may rely on an answer, in seconds. */
const TTL_SECONDS = 3_600;

/** @type {Record<string, string[][]>} permissions for every topic and channel, by secret */
const PERMISSIONS = {
  [SECRETS.right]: [['publish', 'subscribe']],
  [SECRETS.readOnly]: [['subscribe']],
  [SECRETS.powerless]: [],
};

/**
 * Starts an auth server inside this process. It does not keep the process alive.
 * @returns {Promise<AuthServer>}
 */
export async function startAuthServer() {
  const server = createServer((request, response) => {
    const secret = new URL(request.url ?? '/', 'http://localhost').searchParams.get('secret') ?? '';
    const permissions = PERMISSIONS[secret];
    response.writeHead(permissions ? 200 : 401, { 'content-type': 'application/json' });
    response.end(JSON.stringify(permissions ? answer(secret, permissions) : { message: 'unknown secret' }));
  });
  server.unref();
  await new Promise((resolve) => server.listen(0, '127.0.0.1', () => resolve(undefined)));
  const { port } = /** @type {import('node:net').AddressInfo} */ (server.address());
  const stop = async () => {
    server.closeAllConnections();
    // More than once is the same as once.
    await new Promise((resolve) => server.close(() => resolve(undefined)));
  };
  return { address: `127.0.0.1:${port}`, secrets: SECRETS, stop };
}

/**
 * @param {string} identity
 * @param {string[][]} permissions
 */
const answer = (identity, permissions) => ({
  ttl: TTL_SECONDS,
  identity,
  identity_url: '',
  authorizations: permissions.map((each) => ({ permissions: each, topic: '.*', channels: ['.*'] })),
});
