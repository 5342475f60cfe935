// Which files of the clone are pages of the site, where they stand on it, and the sidebar: read from the folders.
import { readdirSync, readFileSync } from 'node:fs';
import { join, posix } from 'node:path';
import { entryPointsOf } from './entry-points.mjs';

/** Pages outside docs/, by their place on the site. @type {Readonly<Record<string, string>>} */
const AT_ROOT = {
  'README.md': 'index.md',
  'CHANGELOG.md': 'changelog.md',
  'UPGRADING.md': 'upgrading.md',
  'SECURITY.md': 'security.md',
  'CONTRIBUTING.md': 'contributing.md',
};

/** What a folder of docs/ is called where its name is not the word for it. @type {Readonly<Record<string, string>>} */
const GROUPS = { '.': 'Reference', adr: 'Decisions', api: 'API', drivers: 'Brokers' };

const INDEX = 'docs/README.md';

/** @typedef {{ path: string, place: string, title: string }} Page `path` in the clone, `place` on the site, both with .md; those of the API are no files */
/** @typedef {{ text: string, collapsed?: boolean, items: { text: string, link: string }[] }} Group */

/**
 * Where a file of the clone stands on the site.
 * @param {string} path from the root of the clone
 * @returns {string | undefined} undefined: it is no page
 */
export function placeOf(path) {
  if (path in AT_ROOT) return AT_ROOT[path];
  if (path === INDEX) return 'contents.md';
  return path.startsWith('docs/') && path.endsWith('.md') ? path.slice('docs/'.length) : undefined;
}

/**
 * @param {string} root of the clone
 * @returns {Page[]}
 */
export const pagesOf = (root) => [...pagesOfFiles(root), ...pagesOfEntryPoints(root)];

/**
 * @param {string} root
 * @returns {Page[]}
 */
const pagesOfEntryPoints = (root) =>
  entryPointsOf(root).map(({ name, title }) => ({ path: `docs/api/${name}.md`, place: `api/${name}.md`, title }));

/**
 * @param {string} root
 * @returns {Page[]}
 */
function pagesOfFiles(root) {
  const inDocs = readdirSync(join(root, 'docs'), { recursive: true, encoding: 'utf8' })
    .map((path) => `docs/${path.replaceAll('\\', '/')}`)
    .filter((path) => !/\/[.[]/.test(path)); // neither those of the generator nor the template of the API
  return [...Object.keys(AT_ROOT), ...inDocs.sort()].flatMap((path) => {
    const place = placeOf(path);
    return place === undefined ? [] : [{ path, place, title: titleOf(readFileSync(join(root, path), 'utf8'), path) }];
  });
}

/**
 * @param {string} text
 * @param {string} path for a page without a heading
 */
export const titleOf = (text, path) => /^# +(.+)$/m.exec(text)?.[1]?.replaceAll('`', '') ?? posix.basename(path, '.md');

/**
 * A group per folder, in the order in which the index of docs/ names their pages; what it does not name comes last.
 * @param {readonly Page[]} pages
 * @param {string} index text of docs/README.md
 * @returns {Group[]}
 */
export function sidebarOf(pages, index) {
  /** @param {Page} page */
  const rank = ({ path }) => (index.indexOf(`](${path.slice('docs/'.length)})`) + index.length) % index.length;
  /** @param {Page} page */
  const isListed = ({ path }) => path.startsWith('docs/') && path !== INDEX;
  /** @type {Map<string, Group>} */
  const groups = new Map();
  for (const page of pages.filter(isListed).sort((a, b) => rank(a) - rank(b))) {
    const folder = posix.dirname(page.place);
    const group = groups.get(folder) ?? { text: GROUPS[folder] ?? capitalised(folder), items: [] };
    group.items.push(itemOf(page));
    groups.set(folder, group);
  }
  const [adr, others] = [groups.get('adr'), pages.filter((page) => !isListed(page))];
  if (adr) adr.collapsed = true;
  return [{ text: 'Start', items: others.map(itemOf) }, ...groups.values()];
}

/** @param {Page} page */
const itemOf = ({ title, place }) => ({ text: title, link: `/${place.replace(/(^|\/)index\.md$|\.md$/, '$1')}` });

/** @param {string} word */
const capitalised = (word) => word.charAt(0).toUpperCase() + word.slice(1);
