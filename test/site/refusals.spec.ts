import { cpSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { textsOfEntryPoints } from '../../docs/.vitepress/api.mjs';
import { deadLinksOf } from '../../docs/.vitepress/dead-anchors.mjs';
import { linkOnSite } from '../../docs/.vitepress/links.mjs';
import { sidebarOf } from '../../docs/.vitepress/pages.mjs';
import { root } from '../architecture/tree.js';
import { buildIn } from './build.js';
import { unsaid, untold } from './names.js';

let folder: string;
function write(path: string, text: string): void {
  mkdirSync(dirname(join(folder, path)), { recursive: true });
  writeFileSync(join(folder, path), text);
}
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
    write('libs/transport/package.json', '{ "name": "nothing", "exports": {} }');
    const atRoot = ['README.md', 'CHANGELOG.md', 'UPGRADING.md', 'SECURITY.md', 'CONTRIBUTING.md'];
    for (const page of [...atRoot, 'docs/other.md']) write(page, `# ${page}`);
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

describe('the pages of the API', () => {
  beforeEach(() => {
    const exports = {
      '.': { 'nest-transport:source': './src/index.ts' },
      './more': { 'nest-transport:source': './src/more.ts' },
    };
    write('libs/transport/package.json', JSON.stringify({ name: 'planted', type: 'module', exports }));
    const compilerOptions = { module: 'nodenext', types: [] };
    write('libs/transport/tsconfig.lib.json', JSON.stringify({ compilerOptions, include: ['src'] }));
    write(
      'libs/transport/src/more.ts',
      '/** How much more, see {@link Shape}. */\nexport type More = Shape;\nimport type { Shape } from "./index.js";',
    );
    write(
      'libs/transport/src/index.ts',
      '/** A shape. */\nexport interface Shape {\n  /** In millimetres. */\n  readonly width: number;\n}',
    );
  });

  it('tell names with their docstrings, and lead from one entry point to the other', async () => {
    const texts = await textsOfEntryPoints(folder);
    expect([...texts.keys()]).toEqual(['index', 'more']);
    expect(texts.get('index')).toMatch(/^# planted\n[^]*### Shape\n\nA shape\.[^]*`width`.*In millimetres\./);
    expect(texts.get('more')).toMatch(/^# planted\/more\n[^]*see \[Shape\]\(index\.md#shape\)/);
  }, 60_000);

  it.each([
    [
      'a link to a name and one to a file that are not there',
      '/** See {@link Gone}. See [it](./gone.md). */\nexport const a = 1;',
      /2 faults[^]*\.\/gone\.md[^]*"Gone"/,
    ],
    ['an entry point that shows nothing', 'export {};', /no public name behind planted\/more/],
  ])(
    'are refused with %s',
    async (_what, text, complaint) => {
      write('libs/transport/src/more.ts', text);
      await expect(textsOfEntryPoints(folder)).rejects.toThrow(complaint);
    },
    60_000,
  );

  it('would be caught with a name missing, and with one or a member that has lost its docstring', () => {
    const html =
      '<h3 id="a-one"><code>abstract</code> One&lt;<code>T</code>&gt; <a href="#a">x</a></h3><p>Says &quot;<code>it</code>&quot;.</p>';
    const page = `${html}<h3 id="two">two() <a href="#two">x</a></h3><p>3</p>`;
    const one = { name: 'One', docstring: 'Says "it".\nAnd more.' };
    expect(untold(page, [one])).toEqual([]);
    expect(untold(page, [one, { name: 'two', docstring: 'Counts.' }, { name: 'tw', docstring: '' }])).toEqual([
      'two: the page does not say "Counts."',
      'tw: the page does not have it',
    ]);
    expect(unsaid([page], [one, { name: 'One.more', docstring: 'And more.' }])).toEqual(['One.more']);
  });
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
    write(
      'guides/index.html',
      '<a href="../other.html">5</a><a href="/base/guides/">6</a><a href="./#here">7</a><b id="here">',
    );
    expect(await deadLinksOf(folder, '/base/')).toEqual([]);
    write(
      'bad.html',
      '<a href="/base/gone.html">1</a><a href="other.html#two">2</a><a href="/other.html">3</a><a href="/base/guides">4</a>',
    );
    expect(await deadLinksOf(folder, '/base/')).toEqual([
      'bad.html: /base/gone.html: there is no such page',
      'bad.html: other.html#two: the page has no such heading',
      'bad.html: /other.html: there is no such page',
      'bad.html: /base/guides: there is no such page',
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
