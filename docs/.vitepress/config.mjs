// The site of `npm run docs`: the Markdown of this clone as it lies there, with a search. Nothing is listed by hand.
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { defineConfig } from 'vitepress';
import { deadLinksOf } from './dead-anchors.mjs';
import { slugOf } from './forge.mjs';
import { linksOfTheClone } from './links.mjs';
import { pagesOf, sidebarOf } from './pages.mjs';

const root = fileURLToPath(new URL('../../', import.meta.url));
const pages = pagesOf(root);
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
    config: (md) => linksOfTheClone(md, { root, exists: (path) => paths.has(path) || existsSync(join(root, path)) }),
  },
  themeConfig: {
    search: { provider: 'local' },
    sidebar: sidebarOf(pages, readFileSync(join(root, 'docs/README.md'), 'utf8')),
    outline: [2, 3],
  },
  async buildEnd({ outDir, site }) {
    const dead = await deadLinksOf(outDir, site.base);
    if (dead.length > 0) throw new Error(`${dead.length} links of the site lead nowhere:\n${dead.join('\n')}`);
  },
});
