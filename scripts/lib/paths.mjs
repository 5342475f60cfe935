import { homedir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** The clone. */
export const root = fileURLToPath(new URL('../../', import.meta.url));

/** @param {string[]} parts */
export const inRoot = (...parts) => join(root, ...parts);

/** What is downloaded is kept here, by version, outside the clone: a second clone starts in seconds. */
export const cacheFolder = (env = process.env) =>
  join(env['XDG_CACHE_HOME'] || join(homedir(), '.cache'), 'nest-transport');
