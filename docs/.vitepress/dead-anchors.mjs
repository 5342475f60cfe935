// VitePress refuses links to pages that are not there; this looks at the pages as they were built, anchors included.
import { readdir, readFile } from 'node:fs/promises';
import { join, posix, relative } from 'node:path';

/**
 * Links inside the site that lead to no file or to no heading of it.
 * @param {string} folder of the built site
 * @param {string} base under which it will be served, with slashes around
 * @returns {Promise<string[]>} a sentence each
 */
export async function deadLinksOf(folder, base) {
  const files = (await readdir(folder, { recursive: true, withFileTypes: true }))
    .filter((entry) => entry.isFile())
    .map(({ parentPath, name }) => relative(folder, join(parentPath, name)).replaceAll('\\', '/'));
  const pages = await Promise.all(
    files
      .filter((file) => file.endsWith('.html'))
      .map(async (file) => pageOf(file, await readFile(join(folder, file), 'utf8'))),
  );
  /** @type {Map<string, Set<string>>} */
  const known = new Map(files.map((file) => [file, new Set()]));
  for (const { file, ids } of pages) known.set(file, ids);
  return pages.flatMap(({ file, hrefs }) =>
    hrefs.flatMap((href) => {
      const problem = problemOf(file, href, base, known);
      return problem === undefined ? [] : [`${file}: ${href}: ${problem}`];
    }),
  );
}

/**
 * @param {string} file
 * @param {string} html
 */
const pageOf = (file, html) => ({
  file,
  ids: new Set([...html.matchAll(/\sid="([^"]+)"/g)].map(([, id = '']) => id)),
  hrefs: [...new Set([...html.matchAll(/<a\s[^>]*?href="([^"]*)"/g)].map(([, href = '']) => href))],
});

/**
 * @param {string} from
 * @param {string} href
 * @param {string} base
 * @param {Map<string, Set<string>>} known
 * @returns {string | undefined}
 */
function problemOf(from, href, base, known) {
  if (/^[a-z][a-z0-9+.-]*:/i.test(href)) return undefined;
  const [path = '', anchor = ''] = decodeURIComponent(href).split('#', 2);
  const absolute = posix.resolve(base, posix.dirname(from), path);
  const file = path === '' ? from : posix.relative(base, path.endsWith('/') ? `${absolute}/index.html` : absolute);
  if (!known.has(file)) return 'there is no such page';
  return anchor === '' || known.get(file)?.has(anchor) ? undefined : 'the page has no such heading';
}
