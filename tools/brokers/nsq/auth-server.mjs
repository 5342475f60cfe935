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

/** What a login may do: topic and channels are regular expressions. @typedef {{ topic: string, channels: string[], permissions: string[] }} Grant */

/** @param {string} secret */
const usualGrants = (secret) =>
  PERMISSIONS[secret]?.map((permissions) => ({ permissions, topic: '.*', channels: ['.*'] }));

/**
 * Starts an auth server inside this process. It does not keep the process alive.
 * @param {object} [options]
 * @param {(secret: string) => readonly Grant[] | undefined} [options.grantsOf] asked each time; undefined for an unknown secret (default: by SECRETS)
 * @param {number} [options.ttlSeconds] how long an nsqd may rely on an answer
 * @returns {Promise<AuthServer>}
 */
export async function startAuthServer({ grantsOf = usualGrants, ttlSeconds = TTL_SECONDS } = {}) {
  const server = createServer((request, response) => {
    const secret = new URL(request.url ?? '/', 'http://localhost').searchParams.get('secret') ?? '';
    const authorizations = grantsOf(secret);
    // Closed at once, so that a test that counts open sockets does not count those of nsqd.
    const headers = { 'content-type': 'application/json', connection: 'close' };
    response.writeHead(authorizations ? 200 : 401, headers);
    const answer = { ttl: ttlSeconds, identity: secret, identity_url: '', authorizations };
    response.end(JSON.stringify(authorizations ? answer : { message: 'unknown secret' }));
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
