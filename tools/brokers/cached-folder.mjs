import { mkdtemp, readdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { withLock } from '../../scripts/lib/lock.mjs';

/**
 * @typedef {object} CachedFolder a folder that is filled once per machine and then only read
 * @property {string} folder
 * @property {string} content name of the folder inside that counts, for example "libs"
 * @property {string} list name of the file that says what `content` holds
 */

/**
 * @typedef {object} Filling
 * @property {(aside: string) => Promise<void>} fill makes `content` in a folder aside
 * @property {string} doing for messages: "downloading Kafka 4.1.1"
 * @property {string} done for messages: "Kafka 4.1.1 downloaded"
 * @property {string} [cost] for messages: "54 MB, once"
 * @property {(line: string) => void} log
 * @property {() => void} [before] runs when there is something to do, for example to look for tools
 */

/**
 * The content of a cached folder. It is filled aside and renamed, with a list of what it holds: a filling that was cut
 * off, or a file that went missing, is seen and done again. Two programs that ask at once fill it once.
 * @param {CachedFolder} cached
 * @param {Filling} filling
 * @returns {Promise<string>} the folder of the content
 */
export async function filledFolder(cached, filling) {
  const { folder, content } = cached;
  if (await isComplete(cached)) return join(folder, content);
  const onWait = (/** @type {number} */ pid) => filling.log(`waiting for process ${pid}, ${filling.doing} ...`);
  await withLock(`${folder}.lock`, { onWait }, async () => {
    if (await isComplete(cached)) return;
    filling.before?.();
    await removeRests(folder);
    await fillAside(cached, filling);
  });
  return join(folder, content);
}

/** @param {CachedFolder} cached */
export async function isComplete({ folder, content, list }) {
  const expected = await readFile(join(folder, list), 'utf8').catch(() => undefined);
  if (expected === undefined) return false;
  const present = await sizesOf(join(folder, content)).catch(() => ({}));
  return JSON.stringify(present) === expected;
}

/**
 * What a filling left that was killed; nobody else writes here while we hold the lock.
 * @param {string} folder
 */
async function removeRests(folder) {
  const names = await readdir(dirname(folder));
  const rests = names.filter((name) => name.startsWith(`${basename(folder)}.part-`));
  await Promise.all(rests.map((name) => rm(join(dirname(folder), name), { recursive: true, force: true })));
}

/**
 * @param {CachedFolder} cached
 * @param {Filling} filling
 */
async function fillAside({ folder, content, list }, { fill, doing, done, cost, log }) {
  const started = Date.now();
  log(`${doing} into ${folder}${cost ? ` (${cost})` : ''} ...`);
  const aside = await mkdtemp(`${folder}.part-`);
  try {
    await fill(aside);
    await writeFile(join(aside, list), JSON.stringify(await sizesOf(join(aside, content))));
    await rm(folder, { recursive: true, force: true });
    await rename(aside, folder);
  } finally {
    await rm(aside, { recursive: true, force: true });
  }
  log(`${done} in ${((Date.now() - started) / 1000).toFixed(1)} s`);
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
