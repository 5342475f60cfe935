// The site of `npm run docs`: the Markdown of this clone as it lies there, with a search. Nothing is listed by hand.
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { defineConfig } from 'vitepress';
import { deadLinksOf } from './dead-anchors.mjs';
import { slugOf } from './forge.mjs';
import { heroOf, openingOf, repositoryOf, withoutOpening } from './home.mjs';
import { linksOfTheClone } from './links.mjs';
import { pagesOf, sidebarOf } from './pages.mjs';

const root = fileURLToPath(new URL('../../', import.meta.url));
/** The README is the start page. */
const HOME = 'README.md';
/** Pages with tables that need the width of the outline. */
const WIDE = new Set(['conformance.md', 'reliability.md', 'defaults.md', 'errors.md']);

const pages = pagesOf(root);
const repository = repositoryOf(root);
const paths = new Set(pages.map(({ path }) => path));
const folders = readdirSync(root, { withFileTypes: true }).filter(
  (entry) => entry.isDirectory() && entry.name !== 'docs',
);

export default defineConfig({
  title: 'nest-transport',
  description: 'Typed messaging for NestJS on several brokers',
  srcDir: '..',
  srcExclude: [...folders.map(({ name }) => `${name}/**`), 'docs/.vitepress/**'],
  rewrites: Object.fromEntries(pages.map(({ path, place }) => [path, place])),
  cacheDir: join(root, 'node_modules/.cache/vitepress'),
  markdown: {
    anchor: { slugify: slugOf },
    attrs: { disable: true }, // forges know no {#id}, and our code has braces
    config: (md) => {
      linksOfTheClone(md, { root, exists: (path) => paths.has(path) || existsSync(join(root, path)) });
      withoutOpening(md, (file) => relative(root, file) === HOME);
    },
  },
  themeConfig: {
    search: { provider: 'local' },
    sidebar: sidebarOf(pages, readFileSync(join(root, 'docs/README.md'), 'utf8')),
    outline: [2, 3],
    nav: [
      { text: 'Get started', link: '/guides/getting-started.html' },
      { text: 'Guides', link: '/contents.html', activeMatch: '^/(guides|contents)' },
      { text: 'API', link: '/api/', activeMatch: '^/api/' },
      ...(repository === undefined ? [] : [{ text: 'Repository', link: repository }]),
    ],
  },
  transformPageData(page) {
    if (page.filePath === HOME)
      Object.assign(page.frontmatter, heroOf(openingOf(readFileSync(join(root, HOME), 'utf8')), repository));
    if (WIDE.has(page.relativePath)) Object.assign(page.frontmatter, { aside: false, pageClass: 'wide' });
  },
  async buildEnd({ outDir, site }) {
    const dead = await deadLinksOf(outDir, site.base);
    if (dead.length > 0) throw new Error(`${dead.length} links of the site lead nowhere:\n${dead.join('\n')}`);
  },
});
