import { mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

/**
 * Runs `work` while holding a lock folder, so that two terminals do not install or download the same thing at once.
 * A lock whose owner is dead is taken over.
 * @template T
 * @param {string} folder does not exist while the lock is free
 * @param {{ onWait?: (ownerPid: number) => void, pollMs?: number }} options
 * @param {() => Promise<T>} work
 * @returns {Promise<T>}
 */
export async function withLock(folder, { onWait, pollMs = 200 }, work) {
  await mkdir(dirname(folder), { recursive: true });
  let told = false;
  // n.b. polled, because no file system tells on every platform that a folder has gone.
  while (!(await tryToTake(folder))) {
    const owner = await ownerOf(folder);
    // n.b. a lock always names its owner: one that does not was given back a moment ago.
    if (owner === undefined) continue;
    if (!isAlive(owner)) {
      await removeDead(folder, owner);
      continue;
    }
    if (!told) onWait?.(owner);
    told = true;
    await sleep(pollMs);
  }
  try {
    return await work();
  } finally {
    await giveBack(folder);
  }
}

/** @param {string} folder */
async function giveBack(folder) {
  // In one step: a folder that is being emptied can be taken by another process, whose lock would then be removed.
  const away = `${folder}.done-${process.pid}`;
  // n.b. the work may have removed the folder that the lock lies in.
  await rename(folder, away).catch(ignoreMissing);
  await rm(away, { recursive: true, force: true });
}

/** @param {NodeJS.ErrnoException} error */
function ignoreMissing(error) {
  if (error.code !== 'ENOENT') throw error;
}

/** @param {string} folder */
async function tryToTake(folder) {
  // The folder appears with its owner inside, in one step: nobody ever sees a lock without an owner.
  const mine = `${folder}.${process.pid}`;
  await mkdir(mine, { recursive: true });
  await writeFile(join(mine, 'pid'), String(process.pid));
  try {
    await rename(mine, folder);
    return true;
  } catch (error) {
    const { code } = /** @type {NodeJS.ErrnoException} */ (error);
    await rm(mine, { recursive: true, force: true });
    if (code === 'ENOTEMPTY' || code === 'EEXIST' || code === 'EPERM') return false;
    throw error;
  }
}

/** @param {string} folder */
async function ownerOf(folder) {
  const text = await readFile(join(folder, 'pid'), 'utf8').catch(() => '');
  return text === '' ? undefined : Number(text);
}

/**
 * @param {string} folder
 * @param {number} owner as read before; the lock is left alone if another one holds it by now
 */
async function removeDead(folder, owner) {
  const away = `${folder}.dead-${process.pid}`;
  const moved = await rename(folder, away).then(
    () => true,
    () => false,
  );
  if (!moved) return;
  if ((await ownerOf(away)) === owner) await rm(away, { recursive: true, force: true });
  else await rename(away, folder).catch(() => undefined);
}

/** @param {number} pid */
export function isAlive(pid) {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return /** @type {NodeJS.ErrnoException} */ (error).code === 'EPERM';
  }
}
