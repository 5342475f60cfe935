// The decentralized logins of NATS: an operator signs accounts, an account signs users. `nsc` makes these by hand;
// here they are made for one server and forgotten with it.
import { createHash } from 'node:crypto';

/** @typedef {ReturnType<typeof import('@nats-io/transport-node').nkeys.createUser>} KeyPair */
/** @typedef {Record<string, unknown>} Claims */

const UNLIMITED = -1;

const ACCOUNT_LIMITS = {
  ...limits(['subs', 'data', 'payload', 'imports', 'exports', 'conn', 'leaf']),
  wildcards: true,
};
/** An account without these has no JetStream; the system account must have none. */
const JETSTREAM_LIMITS = limits(['mem_storage', 'disk_storage', 'streams', 'consumer']);
const USER_LIMITS = limits(['subs', 'data', 'payload']);

/** @param {string[]} names */
function limits(names) {
  return Object.fromEntries(names.map((name) => [name, UNLIMITED]));
}

/**
 * @typedef {object} Accounts
 * @property {Claims} config for the server
 * @property {Creds} creds
 */

/**
 * The text of a creds file each: a user's JWT and its secret key.
 * @typedef {object} Creds
 * @property {string} right
 * @property {string} foreign of another operator's account
 * @property {string} expired since an hour
 */

/** @returns {Promise<Accounts>} */
export async function makeAccounts() {
  const { nkeys } = await import('@nats-io/transport-node');
  const [operator, system, account] = [nkeys.createOperator(), nkeys.createAccount(), nkeys.createAccount()];
  const hourAgo = Math.floor(Date.now() / 1000) - 3_600;
  return {
    config: {
      operator: jwt({ type: 'operator', system_account: system.getPublicKey() }, operator, operator),
      system_account: system.getPublicKey(),
      resolver: 'MEMORY',
      resolver_preload: {
        [system.getPublicKey()]: accountJwt(system, operator, {}),
        [account.getPublicKey()]: accountJwt(account, operator, JETSTREAM_LIMITS),
      },
    },
    creds: {
      right: creds(nkeys.createUser(), account),
      foreign: creds(nkeys.createUser(), nkeys.createAccount()),
      expired: creds(nkeys.createUser(), account, { exp: hourAgo }),
    },
  };
}

/**
 * @param {KeyPair} account
 * @param {KeyPair} operator
 * @param {Claims} more limits beside the usual ones
 */
function accountJwt(account, operator, more) {
  const claims = { limits: { ...ACCOUNT_LIMITS, ...more }, default_permissions: { pub: {}, sub: {} } };
  return jwt({ type: 'account', ...claims }, account, operator);
}

/**
 * @param {KeyPair} user
 * @param {KeyPair} account
 * @param {Claims} [more] claims beside the usual ones
 */
function creds(user, account, more) {
  const token = jwt({ type: 'user', ...USER_LIMITS, pub: {}, sub: {} }, user, account, more);
  const seed = new TextDecoder().decode(user.getSeed());
  return [
    '-----BEGIN NATS USER JWT-----',
    token,
    '------END NATS USER JWT------',
    '',
    '-----BEGIN USER NKEY SEED-----',
    seed,
    '------END USER NKEY SEED------',
    '',
  ].join('\n');
}

/**
 * @param {Claims} nats
 * @param {KeyPair} subject
 * @param {KeyPair} issuer
 * @param {Claims} [more]
 */
function jwt(nats, subject, issuer, more = {}) {
  const claims = {
    iat: Math.floor(Date.now() / 1000),
    iss: issuer.getPublicKey(),
    name: String(nats['type']),
    sub: subject.getPublicKey(),
    nats: { ...nats, version: 2 },
    ...more,
  };
  const jti = createHash('sha512-256').update(JSON.stringify(claims)).digest('hex');
  const text = `${encode({ typ: 'JWT', alg: 'ed25519-nkey' })}.${encode({ jti, ...claims })}`;
  return `${text}.${Buffer.from(issuer.sign(Buffer.from(text))).toString('base64url')}`;
}

/** @param {object} part */
const encode = (part) => Buffer.from(JSON.stringify(part)).toString('base64url');
