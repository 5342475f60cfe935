import { spawn } from 'node:child_process';
import { mkdtemp, readdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { cacheFolder } from '../../../scripts/lib/paths.mjs';
import { withLock } from '../../../scripts/lib/lock.mjs';
import { BrokerUnavailable } from '../unavailable.mjs';

export const KAFKA_VERSION = '4.1.1';

const POM = `<project>
  <modelVersion>4.0.0</modelVersion>
  <groupId>nest-transport</groupId>
  <artifactId>kafka-server</artifactId>
  <version>1</version>
  <dependencies>
    <dependency><groupId>org.apache.kafka</groupId><artifactId>kafka_2.13</artifactId><version>${KAFKA_VERSION}</version></dependency>
    <dependency><groupId>org.apache.kafka</groupId><artifactId>kafka-tools</artifactId><version>${KAFKA_VERSION}</version></dependency>
    <dependency><groupId>org.slf4j</groupId><artifactId>slf4j-simple</artifactId><version>1.7.36</version></dependency>
  </dependencies>
</project>
`;

export const kafkaFolder = (env = process.env) => join(cacheFolder(env), `kafka-${KAFKA_VERSION}`);

/** @typedef {{ log: (line: string) => void, beforeDownload?: () => void }} DownloadOptions */

/**
 * The folder of Kafka's jars, downloaded once per machine. It is filled aside and renamed, with a list of what it holds,
 * so a download that was cut off, or a jar that went missing, is seen and done again.
 * @param {DownloadOptions} options
 * @returns {Promise<string>}
 */
export async function kafkaJars({ log, beforeDownload = () => undefined }) {
  const folder = kafkaFolder();
  if (await isComplete(folder)) return join(folder, 'libs');
  const onWait = (/** @type {number} */ pid) => log(`waiting for the download of process ${pid} ...`);
  await withLock(`${folder}.lock`, { onWait }, async () => {
    if (await isComplete(folder)) return;
    beforeDownload();
    await removeRests(folder);
    await download(folder, log);
  });
  return join(folder, 'libs');
}

/** @param {string} folder */
export async function isComplete(folder) {
  const list = await readFile(join(folder, 'jars.json'), 'utf8').catch(() => undefined);
  if (list === undefined) return false;
  const present = await sizesOf(join(folder, 'libs')).catch(() => ({}));
  return JSON.stringify(present) === list;
}

/**
 * What a download left that was killed; nobody else writes here while we hold the lock.
 * @param {string} folder
 */
async function removeRests(folder) {
  const names = await readdir(dirname(folder));
  const rests = names.filter((name) => name.startsWith(`${basename(folder)}.part-`));
  await Promise.all(rests.map((name) => rm(join(dirname(folder), name), { recursive: true, force: true })));
}

/**
 * @param {string} folder
 * @param {(line: string) => void} log
 */
async function download(folder, log) {
  const started = Date.now();
  log(`downloading Kafka ${KAFKA_VERSION} into ${folder} (54 MB, once) ...`);
  const aside = await mkdtemp(`${folder}.part-`);
  try {
    await writeFile(join(aside, 'pom.xml'), POM);
    await maven(aside);
    await writeFile(join(aside, 'jars.json'), JSON.stringify(await sizesOf(join(aside, 'libs'))));
    await rm(folder, { recursive: true, force: true });
    await rename(aside, folder);
  } finally {
    await rm(aside, { recursive: true, force: true });
  }
  log(`Kafka ${KAFKA_VERSION} downloaded in ${((Date.now() - started) / 1000).toFixed(1)} s`);
}

/** @param {string} folder */
async function maven(folder) {
  const args = ['-q', '-B', 'dependency:copy-dependencies', '-DoutputDirectory=libs', '-DincludeScope=runtime'];
  const mvn = spawn('mvn', args, {
    cwd: folder,
    stdio: ['ignore', 'pipe', 'pipe'],
    shell: process.platform === 'win32',
  });
  let output = '';
  for (const stream of [mvn.stdout, mvn.stderr]) stream.on('data', (chunk) => (output += String(chunk)));
  const code = await new Promise((resolve, reject) => {
    mvn.once('error', reject);
    mvn.once('close', resolve);
  });
  if (code === 0) return;
  const last = output.trim().split('\n').slice(-5).join(' | ');
  throw new BrokerUnavailable(
    'kafka',
    `mvn ended with code ${code}: ${last}`,
    'Is Maven Central reachable? Try again.',
  );
}

/**
 * @param {string} folder
 * @returns {Promise<Record<string, number>>}
 */
async function sizesOf(folder) {
  const names = (await readdir(folder)).sort();
  const sizes = await Promise.all(names.map(async (name) => (await stat(join(folder, name))).size));
  return Object.fromEntries(names.map((name, i) => [name, /** @type {number} */ (sizes[i])]));
}
