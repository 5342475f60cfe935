import { cpSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { deadLinksOf } from '../../docs/.vitepress/dead-anchors.mjs';
import { linkOnSite } from '../../docs/.vitepress/links.mjs';
import { sidebarOf } from '../../docs/.vitepress/pages.mjs';
import { root } from '../architecture/tree.js';
import { buildIn } from './build.js';

let folder: string;
const write = (path: string, text: string): void => writeFileSync(join(folder, path), text);
beforeEach(() => (folder = mkdtempSync(join(tmpdir(), 'nest-transport-site-'))));
afterEach(() => rmSync(folder, { recursive: true, force: true }));

describe('the build refuses', () => {
  beforeEach(() => {
    cpSync(join(root, 'docs/.vitepress'), join(folder, 'docs/.vitepress'), {
      recursive: true,
      filter: (path) => !/\.vitepress[\\/](dist|\.temp)/.test(path),
    });
    symlinkSync(join(root, 'node_modules'), join(folder, 'node_modules'), 'dir');
    write('package.json', '{ "type": "module" }');
    for (const page of ['README.md', 'CHANGELOG.md', 'CONTRIBUTING.md', 'docs/other.md']) write(page, `# ${page}`);
  });

  it.each([
    ['a link to a page that is not there', '[x](gone.md)', /dead link.*gone.*docs\/README\.md/s],
    [
      'a link to a heading that is not there',
      '[x](other.md#gone)',
      /contents\.html: \/other\.html#gone: .*no such heading/,
    ],
  ])(
    '%s',
    async (_what, link, complaint) => {
      write('docs/README.md', `# Documentation\n\n${link}`);
      const { code, stdout, stderr } = await buildIn(folder);
      expect(stdout + stderr).toMatch(complaint);
      expect(code).toBe(1);
    },
    60_000,
  );
});

describe('a link on the site', () => {
  const files = ['docs/guides/a.md', 'docs/errors.md', 'README.md', 'apps', 'docs/README.md'];
  const on = (from: string, href: string): unknown => linkOnSite(from, href, (path) => files.includes(path));

  it('leads to where its page stands there, wherever that is', () => {
    expect(on('docs/guides/a.md', '../errors.md#x')).toEqual({ href: '/errors.md#x' });
    expect(on('docs/guides/a.md', '../../README.md')).toEqual({ href: '/index.md' });
    expect(on('README.md', 'docs/guides/a.md')).toEqual({ href: '/guides/a.md' });
    expect(on('README.md', 'docs/README.md')).toEqual({ href: '/contents.md' });
  });

  it('to a file that is no page becomes words, one to nowhere and one to elsewhere stay as they are', () => {
    expect(on('docs/README.md', '../apps')).toEqual({ file: 'apps' });
    expect(on('docs/README.md', 'gone.md')).toEqual({ href: 'gone.md' });
    expect(on('docs/README.md', 'https://x.example/a.md')).toEqual({ href: 'https://x.example/a.md' });
    expect(on('docs/README.md', '#here')).toEqual({ href: '#here' });
  });
});

describe('a link in built pages', () => {
  it('is followed to its file and heading, under the base it will be served from', async () => {
    write('index.html', '<h1 id="top">x</h1><a href="/base/other.html#one">1</a><a class="y" href="#top">2</a>');
    write('other.html', '<h2 tabindex="-1" id="one">x</h2><a href="./index.html">3</a><a href="/base/">4</a>');
    expect(await deadLinksOf(folder, '/base/')).toEqual([]);
    write('bad.html', '<a href="/base/gone.html">1</a><a href="other.html#two">2</a><a href="/other.html">3</a>');
    expect(await deadLinksOf(folder, '/base/')).toEqual([
      'bad.html: /base/gone.html: there is no such page',
      'bad.html: other.html#two: the page has no such heading',
      'bad.html: /other.html: there is no such page',
    ]);
  });
});

describe('the sidebar', () => {
  it('has a group per folder and the order of the index; what the index does not name comes last', () => {
    const page = (place: string): { path: string; place: string; title: string } => ({
      path: place === 'index.md' ? 'README.md' : `docs/${place}`,
      place,
      title: place,
    });
    const pages = ['index.md', 'errors.md', 'adr/0001.md', 'guides/a.md', 'guides/b.md', 'guides/c.md'].map(page);
    const groups = sidebarOf(pages, '[c](guides/c.md) [a](guides/a.md) [errors](errors.md) [one](adr/0001.md)');
    expect(groups.map(({ text, items }) => [text, ...items.map(({ link }) => link)])).toEqual([
      ['Start', '/'],
      ['Guides', '/guides/c', '/guides/a', '/guides/b'],
      ['Reference', '/errors'],
      ['Decisions', '/adr/0001'],
    ]);
  });
});
