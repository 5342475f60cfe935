// The entry points of the package, each a page of the API.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';

/** Where the package lies in the clone. */
export const LIBRARY = 'libs/transport';

/** The condition under which its manifest names the source behind an entry point. */
const SOURCE = 'nest-transport:source';

/** @typedef {{ name: string, title: string, source: string }} EntryPoint `name` is that of its page: `nsq-client` is `nest-transport/nsq/client` */

/**
 * The entry points of the package, as its manifest has them.
 * @param {string} root of the clone
 * @returns {EntryPoint[]}
 */
export function entryPointsOf(root) {
  /** @type {{ name: string, exports: Record<string, string | Record<string, string>> }} */
  const manifest = JSON.parse(readFileSync(join(root, LIBRARY, 'package.json'), 'utf8'));
  return Object.entries(manifest.exports).flatMap(([entryPoint, target]) => {
    const source = typeof target === 'string' ? undefined : target[SOURCE];
    if (source === undefined) return [];
    const name = entryPoint === '.' ? 'index' : entryPoint.slice(2).replaceAll('/', '-');
    return [{ name, title: manifest.name + entryPoint.slice(1), source: join(root, LIBRARY, source) }];
  });
}
