import { join } from 'node:path';
import { makeCertificates } from '../certificates.mjs';
import { makeAccounts } from './accounts.mjs';

/**
 * `server`: a certificate for localhost and 127.0.0.1. `wrong-host`: one for another host, by the right CA.
 * `mutual`: as `server`, and a client certificate is required.
 * @typedef {'server' | 'wrong-host' | 'mutual'} Tls
 */

/**
 * `password`: users and passwords. `token`: one for all. `nkey`: a key pair of the user.
 * `creds`: an operator, an account and a user that sign each other (a creds file).
 * @typedef {'password' | 'token' | 'nkey' | 'creds'} Login
 */

/** @typedef {{ user: string, pass: string }} User */

/**
 * What a client needs to get in, and what should keep it out.
 * @typedef {object} Secure
 * @property {import('../certificates.mjs').Certificates} certificates with `tls`; throws without it
 * @property {{ right: User, wrongPassword: User, limited: User }} users with login 'password'; `limited` may use subjects of LIMITED_TO and JetStream's API only
 * @property {{ right: string, wrong: string }} tokens with login 'token'
 * @property {{ right: string, wrong: string }} seeds with login 'nkey'
 * @property {import('./accounts.mjs').Creds} creds with login 'creds': texts for `credsAuthenticator`
 */

/** Where the limited user may publish and subscribe. */
export const LIMITED_TO = 'allowed.>';

const USERS = {
  right: { user: 'alice', pass: 'alice-secret' },
  wrongPassword: { user: 'alice', pass: 'guess' },
  limited: { user: 'bob', pass: 'bob-secret' },
};
const TOKENS = { right: 'token-secret', wrong: 'guess' };
const NONE = { right: '', wrong: '' };

/**
 * @param {{ tls: Tls | undefined, login: Login | undefined }} asked
 * @param {string} folder for certificates
 * @returns {Promise<{ config: Record<string, unknown>, secure: Secure }>}
 */
export async function securityOf({ tls, login }, folder) {
  const certificates = tls && (await makeCertificates(join(folder, 'certificates')));
  const seeds = login === 'nkey' ? await makeSeeds() : { ...NONE, publicKey: '' };
  const accounts = login === 'creds' ? await makeAccounts() : undefined;
  /** @type {Record<Login, Record<string, unknown>>} */
  const logins = {
    password: { authorization: { users: [asUser(USERS.right), { ...asUser(USERS.limited), permissions: limited() }] } },
    token: { authorization: { token: TOKENS.right } },
    nkey: { authorization: { users: [{ nkey: seeds.publicKey }] } },
    creds: accounts?.config ?? {},
  };
  return {
    config: { ...(certificates && tls ? tlsConfig(certificates, tls) : {}), ...(login ? logins[login] : {}) },
    secure: {
      get certificates() {
        if (certificates === undefined)
          throw new Error('There are no certificates: startNats({ tls: ... }) makes them.');
        return certificates;
      },
      users: USERS,
      tokens: TOKENS,
      seeds: { right: seeds.right, wrong: seeds.wrong },
      creds: accounts?.creds ?? { right: '', foreign: '', expired: '' },
    },
  };
}

/** @param {User} user */
const asUser = ({ user, pass }) => ({ user, password: pass });

const limited = () => ({
  publish: [LIMITED_TO, '$JS.API.>', '$JS.ACK.>'],
  subscribe: [LIMITED_TO, '_INBOX.>'],
});

/**
 * @param {import('../certificates.mjs').Certificates} certificates
 * @param {Tls} tls
 */
function tlsConfig({ ca, server, wrongHost }, tls) {
  const { certFile, keyFile } = tls === 'wrong-host' ? wrongHost : server;
  return { tls: { cert_file: certFile, key_file: keyFile, ca_file: ca.certFile, verify: tls === 'mutual' } };
}

async function makeSeeds() {
  const { nkeys } = await import('@nats-io/transport-node');
  const [right, wrong] = [nkeys.createUser(), nkeys.createUser()];
  const text = (/** @type {Uint8Array} */ seed) => new TextDecoder().decode(seed);
  return { right: text(right.getSeed()), wrong: text(wrong.getSeed()), publicKey: right.getPublicKey() };
}
