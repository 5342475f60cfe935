import { accessSync, constants } from 'node:fs';
import { delimiter, join } from 'node:path';

/**
 * @param {readonly string[]} names in the order in which they are wanted
 * @param {readonly string[]} [first] folders that are looked at before the PATH
 * @returns {string | undefined} the path of the first that is there
 */
export function findProgram(names, first = []) {
  const folders = [...first, ...(process.env['PATH'] ?? '').split(delimiter)];
  return names.flatMap((name) => folders.map((folder) => join(folder, name))).find((file) => isExecutable(file));
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
