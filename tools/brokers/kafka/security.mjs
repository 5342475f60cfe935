import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { makeCertificates } from '../certificates.mjs';
import { saslProperties, tlsProperties } from './properties.mjs';

/** Who may log in: `plain` by SASL PLAIN, `scram` by SCRAM-SHA-256 and -512. */
export const USERS = {
  plain: { username: 'alice', password: 'alice-secret' },
  scram: { username: 'bob', password: 'bob-secret' },
};

/** Arguments for StorageTool's format: SCRAM users live in the metadata log, so they are made with it. */
export const SCRAM_ARGUMENTS = ['SCRAM-SHA-256', 'SCRAM-SHA-512'].flatMap((mechanism) => [
  '--add-scram',
  `${mechanism}=[name=${USERS.scram.username},password=${USERS.scram.password}]`,
]);

/** Names of the secure listeners, in the order of their ports. */
export const SECURE_LISTENERS = /** @type {const} */ (['TLS', 'MTLS', 'WRONGHOST', 'SASL', 'SASLTLS']);

/** What makes a node refuse everything that no ACL allows. Who comes by the plain listener, the nodes themselves included, may do everything. */
export const ACL_PROPERTIES = {
  'authorizer.class.name': 'org.apache.kafka.metadata.authorizer.StandardAuthorizer',
  'super.users': 'User:ANONYMOUS',
  'allow.everyone.if.no.acl.found': 'false',
};

/**
 * The listener of users whose rights are ACLs: SASL PLAIN as users.plain.
 * @param {number} port
 * @returns {import('./properties.mjs').Listener}
 */
export const userListener = (port) => ({
  name: 'SASL',
  protocol: 'SASL_PLAINTEXT',
  port,
  properties: saslProperties({ [USERS.plain.username]: USERS.plain.password }),
});

/**
 * @param {string} folder
 * @param {readonly number[]} ports one per secure listener
 */
export async function secureListeners(folder, ports) {
  const certificates = await makeCertificates(folder);
  const right = await pem(folder, certificates.server, certificates.ca);
  const wrongHost = await pem(folder, certificates.wrongHost, certificates.ca);
  const sasl = saslProperties({ [USERS.plain.username]: USERS.plain.password });
  /** @type {Record<typeof SECURE_LISTENERS[number], { protocol: string, properties: Record<string, string> }>} */
  const table = {
    TLS: { protocol: 'SSL', properties: tlsProperties(right, 'none') },
    MTLS: { protocol: 'SSL', properties: tlsProperties(right, 'required') },
    WRONGHOST: { protocol: 'SSL', properties: tlsProperties(wrongHost, 'none') },
    SASL: { protocol: 'SASL_PLAINTEXT', properties: sasl },
    SASLTLS: { protocol: 'SASL_SSL', properties: { ...sasl, ...tlsProperties(right, 'none') } },
  };
  const listeners = SECURE_LISTENERS.map((name, i) => ({
    name,
    port: /** @type {number} */ (ports[i]),
    ...table[name],
  }));
  return { certificates, listeners };
}

/**
 * @param {string} folder
 * @param {import('../certificates.mjs').Pair} pair
 * @param {import('../certificates.mjs').Pair} ca
 */
async function pem(folder, pair, ca) {
  const keystore = join(folder, `${pair.certFile.replace(/.*[\\/]/, '')}.keystore`);
  await writeFile(keystore, pair.key + pair.cert);
  return { keystore, truststore: ca.certFile };
}
