import { execFile } from 'node:child_process';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);

/** @typedef {{ cert: string, key: string, certFile: string, keyFile: string }} Pair PEM texts and the files that hold them */

/**
 * @typedef {object} Certificates
 * @property {Pair} ca signs everything below but the two "wrong" ones
 * @property {Pair} server for localhost and 127.0.0.1
 * @property {Pair} wrongHost same CA, for another host
 * @property {Pair} client for mutual TLS, CN=test-client
 * @property {Pair} wrongCa another authority, which signed nothing the server shows
 * @property {Pair} wrongClient a client of that other authority
 */

/**
 * Makes a small authority with everything a TLS test needs, right and wrong, in about half a second.
 * @param {string} folder is created; lives as long as the broker
 * @returns {Promise<Certificates>}
 */
export async function makeCertificates(folder) {
  await mkdir(folder, { recursive: true });
  const [ca, wrongCa] = await Promise.all([
    authority(folder, 'ca', 'nest-transport test CA'),
    authority(folder, 'wrong-ca', 'some other CA'),
  ]);
  const [server, wrongHost, client, wrongClient] = await Promise.all([
    signed(folder, 'server', ca, 'localhost', 'DNS:localhost,IP:127.0.0.1'),
    signed(folder, 'wrong-host', ca, 'other.example', 'DNS:other.example'),
    signed(folder, 'client', ca, 'test-client', 'DNS:test-client'),
    signed(folder, 'wrong-client', wrongCa, 'test-client', 'DNS:test-client'),
  ]);
  return { ca, server, wrongHost, client, wrongCa, wrongClient };
}

/**
 * @param {string} folder
 * @param {string} name
 * @param {string} commonName
 */
async function authority(folder, name, commonName) {
  const files = filesOf(folder, name);
  await openssl(
    'req',
    '-x509',
    ...newKey(files.keyFile),
    '-out',
    files.certFile,
    '-days',
    '2',
    '-subj',
    `/CN=${commonName}`,
  );
  return read(files);
}

/**
 * @param {string} folder
 * @param {string} name
 * @param {Pair} ca
 * @param {string} commonName
 * @param {string} subjectAltName
 */
async function signed(folder, name, ca, commonName, subjectAltName) {
  const files = filesOf(folder, name);
  const request = join(folder, `${name}.csr`);
  const extensions = join(folder, `${name}.ext`);
  await writeFile(extensions, `subjectAltName=${subjectAltName}\nextendedKeyUsage=serverAuth,clientAuth\n`);
  await openssl('req', '-new', ...newKey(files.keyFile), '-out', request, '-subj', `/CN=${commonName}`);
  const by = ['-CA', ca.certFile, '-CAkey', ca.keyFile, '-CAcreateserial', '-CAserial', join(folder, `${name}.srl`)];
  await openssl('x509', '-req', '-in', request, ...by, '-out', files.certFile, '-days', '2', '-extfile', extensions);
  return read(files);
}

/**
 * n.b. PKCS#8, the only form of key that Kafka's PEM store reads; `openssl genrsa` of old versions writes another.
 * @param {string} file
 */
const newKey = (file) => ['-newkey', 'rsa:2048', '-nodes', '-keyout', file];

/**
 * @param {string} folder
 * @param {string} name
 */
const filesOf = (folder, name) => ({ certFile: join(folder, `${name}.pem`), keyFile: join(folder, `${name}.key`) });

/**
 * @param {{ certFile: string, keyFile: string }} files
 * @returns {Promise<Pair>}
 */
async function read(files) {
  const [cert, key] = await Promise.all([readFile(files.certFile, 'utf8'), readFile(files.keyFile, 'utf8')]);
  return { ...files, cert, key };
}

/** @param {string[]} args */
async function openssl(...args) {
  await run('openssl', args);
}
