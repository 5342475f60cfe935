import { makeCertificates } from '../certificates.mjs';
import { startAuthServer } from './auth-server.mjs';

/**
 * `optional`: a client may ask for TLS. `required`: it must (nsqd's HTTP stays plain). `wrong-host`: as `required`, with a
 * certificate for another host, by the right CA. `mutual`: as `required`, and a client certificate too.
 * @typedef {'optional' | 'required' | 'wrong-host' | 'mutual'} Tls
 */

/**
 * @typedef {object} Secure
 * @property {import('../certificates.mjs').Certificates} certificates with `tls`; throws without it
 * @property {typeof import('./auth-server.mjs').SECRETS} secrets with `auth`; throws without it
 */

/**
 * @param {{ tls: Tls | undefined, auth: boolean }} asked
 * @param {string} folder for certificates
 * @returns {Promise<{ flags: import('./server.mjs').Flags, secure: Secure, end: () => Promise<void> }>}
 */
export async function securityOf({ tls, auth }, folder) {
  const certificates = tls && (await makeCertificates(folder));
  const authServer = auth ? await startAuthServer() : undefined;
  return {
    flags: {
      ...(certificates && tls ? tlsFlags(certificates, tls) : {}),
      ...(authServer ? { 'auth-http-address': authServer.address } : {}),
    },
    secure: {
      get certificates() {
        return certificates ?? absent('certificates', 'tls: ...');
      },
      get secrets() {
        return authServer?.secrets ?? absent('secrets', 'auth: true');
      },
    },
    end: async () => authServer?.stop(),
  };
}

/**
 * @param {import('../certificates.mjs').Certificates} certificates
 * @param {Tls} tls
 */
function tlsFlags({ ca, server, wrongHost }, tls) {
  const { certFile, keyFile } = tls === 'wrong-host' ? wrongHost : server;
  return {
    'tls-cert': certFile,
    'tls-key': keyFile,
    'tls-root-ca-file': ca.certFile,
    ...(tls === 'optional' ? {} : { 'tls-required': 'tcp-https' }),
    ...(tls === 'mutual' ? { 'tls-client-auth-policy': 'require-verify' } : {}),
  };
}

/**
 * @param {string} what
 * @param {string} option
 * @returns {never}
 */
function absent(what, option) {
  throw new Error(`There are no ${what}: startNsq({ ${option} }) makes them.`);
}
