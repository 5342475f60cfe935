// The brokers that `npm run brokers:up` leaves standing. What stands is written down outside the clone, so that
// every clone of this user finds it and `brokers:down` can end it.
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { isAlive } from '../../scripts/lib/lock.mjs';
import { cacheFolder } from '../../scripts/lib/paths.mjs';

/**
 * @typedef {object} Standing
 * @property {Record<string, string>} env
 * @property {number} [pid] of the process that serves it; absent for a container
 * @property {string} [log]
 * @property {readonly number[]} [pids] of the nodes of a cluster
 */

export const standingFolder = (env = process.env) => join(cacheFolder(env), 'brokers-up');

/** @param {string} name */
const fileOf = (name) => join(standingFolder(), `${name}.json`);

/**
 * @param {string} name
 * @returns {Standing | undefined} undefined also when its process has died
 */
export function readStanding(name) {
  try {
    /** @type {Standing} */
    const standing = JSON.parse(readFileSync(fileOf(name), 'utf8'));
    return standing.pid === undefined || isAlive(standing.pid) ? standing : undefined;
  } catch (error) {
    if (/** @type {NodeJS.ErrnoException} */ (error).code === 'ENOENT') return undefined;
    throw error;
  }
}

/**
 * @param {string} name
 * @param {Standing} standing
 */
export function writeStanding(name, standing) {
  mkdirSync(standingFolder(), { recursive: true });
  writeFileSync(fileOf(name), `${JSON.stringify(standing)}\n`);
}

/** @param {string} name */
export const forgetStanding = (name) => rmSync(fileOf(name), { force: true });
