import { accessSync, constants } from 'node:fs';
import { delimiter, join } from 'node:path';

/**
 * Where packages keep the program itself. Debian's `rabbitmq-server` on the PATH is a wrapper that changes the user and
 * the folder; the program itself runs as anybody, in the folders that it is given.
 */
const PACKAGED = ['/usr/lib/rabbitmq/bin', '/opt/homebrew/sbin', '/usr/local/sbin'];

/** @returns {string | undefined} the path of rabbitmq-server */
export const rabbitmqServer = () => findProgram('rabbitmq-server', PACKAGED);

/** @returns {string | undefined} the path of epmd, which comes with Erlang and tells Erlang nodes each other's ports */
export const epmdProgram = () => findProgram('epmd', []);

/**
 * @param {string} name
 * @param {readonly string[]} first looked at before the PATH
 */
function findProgram(name, first) {
  const folders = [...first, ...(process.env['PATH'] ?? '').split(delimiter)];
  return folders.map((folder) => join(folder, name)).find((file) => isExecutable(file));
}

/** @param {string} file */
function isExecutable(file) {
  try {
    accessSync(file, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
