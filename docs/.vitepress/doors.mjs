// The doors of the package, each a page of the API.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';

/** Where the package lies in the clone. */
export const LIBRARY = 'libs/transport';

/** The condition under which its manifest names the source behind a door. */
const SOURCE = 'nest-transport:source';

/** @typedef {{ name: string, title: string, source: string }} Door `name` is that of its page: `nsq-client` is `nest-transport/nsq/client` */

/**
 * The doors of the package, as its manifest has them.
 * @param {string} root of the clone
 * @returns {Door[]}
 */
export function doorsOf(root) {
  /** @type {{ name: string, exports: Record<string, string | Record<string, string>> }} */
  const manifest = JSON.parse(readFileSync(join(root, LIBRARY, 'package.json'), 'utf8'));
  return Object.entries(manifest.exports).flatMap(([door, target]) => {
    const source = typeof target === 'string' ? undefined : target[SOURCE];
    if (source === undefined) return [];
    const name = door === '.' ? 'index' : door.slice(2).replaceAll('/', '-');
    return [{ name, title: manifest.name + door.slice(1), source: join(root, LIBRARY, source) }];
  });
}
