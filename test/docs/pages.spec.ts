import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { filesUnder, read, root, typeScriptFiles } from '../architecture/tree.js';
import { deadLinks, linksOf, treeAt, type Tree } from './links.js';
import { blocksOf, rowsOf, type Page } from './markdown.js';
import { dialectInDocstrings, dialectInTexts, dialectOnPage, isJudged, NOT_JUDGED_YET } from './words.js';

/** Copies of pages that a build puts into the package are left out: they are there after a build only. */
const files = [...filesUnder()].filter((path) => !/^libs\/transport\/(CHANGELOG|UPGRADING)\.md$/.test(path));
/** n.b. reports of the public surface are printed, not written, and `[entry].md` is a template: their words are those of the code. */
const pages: Page[] = files.filter((path) => /(?<!\.api|\])\.md$/.test(path)).map(read);
const page = (path: string): string => read(path).text;
/** Pages that somebody is writing: sources may name them already, the index need not. */
const COMING = ['docs/benchmarks.md'];

const planted = (text: string, others: Readonly<Record<string, string>> = {}): { page: Page; tree: Tree } => ({
  page: { path: 'docs/planted.md', text },
  tree: { exists: (path) => path in others, page: (path) => others[path] },
});

describe('links between pages', () => {
  it('lead to a file, and to a heading of it where they name one', () => {
    const tree = treeAt(root, page);
    expect(pages.flatMap((each) => deadLinks(each, tree))).toEqual([]);
    expect(pages.length).toBeGreaterThan(15);
    expect(pages.flatMap(({ text }) => linksOf(text)).length).toBeGreaterThan(60);
  });

  it.each([
    ['a file that is not there', 'see [x](gone.md)', 'gone.md: there is no such file'],
    ['a file above the clone', 'see [x](../../etc/hosts)', 'there is no such file'],
    ['a heading that is not there', 'see [x](other.md#third)', 'no such heading'],
    [
      'a heading of its own that is not there',
      '# One\n[x](#two)',
      'docs/planted.md:2 #two: the page has no such heading',
    ],
    ['a code name in brackets', '[`x`](gone.md)', 'gone.md'],
    ['the root of the disk', '[x](/docs/other.md)', 'begins with "/"'],
  ])('would be seen: %s', (_what, text, complaint) => {
    const { page: bad, tree } = planted(text, { 'docs/other.md': '# First\n## Second one' });
    expect(deadLinks(bad, tree)).toEqual([expect.stringContaining(complaint)]);
  });

  it('and what is right is let through: code, addresses, headings with marks, a heading that comes twice', () => {
    const text =
      '# A `b`, c\n# Twice\n# Twice\n[x](#a-b-c) [y](#twice-1) [z](other.md#second-one) [w](https://x.example/gone.md) `[v](gone.md)`\n```\n[u](gone.md)\n```';
    const { page: good, tree } = planted(text, { 'docs/other.md': '## Second one' });
    expect(deadLinks(good, tree)).toEqual([]);
  });
});

/** Pages that a text names without a link, as comments do: `docs/errors.md`. */
function unknownPages({ path, text }: Page, known: ReadonlySet<string>): string[] {
  return [...text.matchAll(/\bdocs\/[a-z0-9/-]+\.md\b/g)]
    .filter(([name]) => !known.has(name))
    .map(([name]) => `${path} names ${name}, which is not there`);
}

describe('pages that the sources name', () => {
  const known = new Set([...files, ...COMING]);

  it('are there', () => {
    const sources = typeScriptFiles().filter(({ path }) => !/^test\/(docs|site)\//.test(path));
    expect(sources.flatMap((source) => unknownPages(source, known))).toEqual([]);
    expect(sources.filter(({ text }) => /docs\/[a-z0-9/-]+\.md/.test(text)).length).toBeGreaterThan(3);
  });

  it('would be missed', () => {
    expect(unknownPages({ path: 'a.ts', text: '// see docs/adr/0099-nothing.md' }, known)).toHaveLength(1);
  });
});

describe('every page in docs/', () => {
  const unlisted = (paths: readonly string[], index: string): string[] => {
    const listed = new Set(linksOf(index).map(({ target }) => `docs/${target}`));
    return paths.filter(
      (path) =>
        path.startsWith('docs/') &&
        /[^\]]\.md$/.test(path) &&
        path !== 'docs/README.md' &&
        !listed.has(path) &&
        !COMING.includes(path),
    );
  };

  it('is listed in docs/README.md', () => {
    expect(unlisted(files, page('docs/README.md'))).toEqual([]);
  });

  it('would be missed there', () => {
    expect(unlisted(['docs/errors.md', 'docs/new.md'], '[errors](errors.md)')).toEqual(['docs/new.md']);
  });
});

describe('decisions in docs/adr/', () => {
  const problems = (decisions: readonly Page[]): string[] => {
    const numbers = decisions.map(({ path }) => path.split('/').at(-1)?.slice(0, 4) ?? '');
    return decisions.flatMap(({ path, text }, index) => [
      ...(numbers.indexOf(numbers[index] ?? '') === index ? [] : [`${path} has the number of another`]),
      ...(text.startsWith(`# ${numbers[index]} `) ? [] : [`${path} does not begin with "# ${numbers[index]} "`]),
      ...(/^Wrong if: \S/m.test(text) ? [] : [`${path} does not say when it would be wrong`]),
    ]);
  };

  it('have a number each, and say when they would be wrong', () => {
    const decisions = pages.filter(({ path }) => path.startsWith('docs/adr/'));
    expect(problems(decisions)).toEqual([]);
    expect(decisions.length).toBeGreaterThan(6);
  });

  it('would be caught with the number of another, another title, and without a way to be wrong', () => {
    const good = { path: 'docs/adr/0001-a.md', text: '# 0001 A\n\nWrong if: pigs fly.' };
    expect(problems([good])).toEqual([]);
    expect(problems([good, { ...good, path: 'docs/adr/0001-b.md' }])).toEqual([
      'docs/adr/0001-b.md has the number of another',
    ]);
    expect(problems([{ path: 'docs/adr/0002-b.md', text: '# 0003 B' }])).toEqual([
      'docs/adr/0002-b.md does not begin with "# 0002 "',
      'docs/adr/0002-b.md does not say when it would be wrong',
    ]);
  });
});

describe('words', () => {
  const sources = typeScriptFiles().filter(
    ({ path }) => path.startsWith('libs/transport/src/') && !path.endsWith('.spec.ts'),
  );

  it('on every page are those of the field', () => {
    const judged = pages.filter(isJudged);
    expect(judged.flatMap(dialectOnPage)).toEqual([]);
    expect(judged.length).toBeGreaterThan(25);
  });

  it('in docstrings, error messages and log lines are those of the field, in every folder that is judged', () => {
    const judged = sources.filter(isJudged);
    expect(judged.flatMap((source) => [...dialectInDocstrings(source), ...dialectInTexts(source)])).toEqual([]);
    expect(sources.length).toBeGreaterThan(90);
  });

  it('are judged everywhere but in what is listed, and what is listed is there', () => {
    expect(NOT_JUDGED_YET.filter((start) => !files.some((path) => path.startsWith(start)))).toEqual([]);
    expect(isJudged({ path: 'docs/adr/0001-a.md', text: '' })).toBe(false);
    expect(isJudged({ path: 'docs/guides/a.md', text: '' })).toBe(true);
    expect(isJudged({ path: 'libs/transport/src/index.ts', text: '' })).toBe(true);
  });

  it.each([
    'the error is told',
    'it starts anew',
    'a retry that mends it',
    'the handler has begun',
    'discarded by name',
    'beside the payload',
    'at most so many',
    'handlers stay deaf',
    'hands over a message',
    'what was given back',
    'the broker keeps its promises',
    'an absent capability',
    'it is refused at start',
    'the asker waits',
    'the dead-letter desk',
    'nine doors',
    'the map of the house',
    'its way out',
    'n.b. a trap',
    'a message for later',
    'lost for good',
    'the broker is away',
    'the story of a message',
    'a trial of the driver',
    'the venue of a test',
    'a throw of dice',
    'nobody subscribes yet',
    'its neighbours',
    'each msg',
  ])('would be seen: %s', (text) => {
    expect(dialectOnPage({ path: 'a.md', text: `# x\n${text}` })).toEqual([expect.stringMatching(/^a\.md:2 says/)]);
    const docstring = `const x = 1;\n/**\n * Says ${text}.\n */\nexport const y = 2;`;
    expect(dialectInDocstrings({ path: 'a.ts', text: docstring })).toEqual([expect.stringMatching(/^a\.ts:3 says/)]);
    const thrown = `const x = 1;\nthrow new Error(\`[\${x}] ${text}\`);\nconsole.warn('plain words');`;
    expect(dialectInTexts({ path: 'a.ts', text: thrown })).toEqual([expect.stringMatching(/^a\.ts:2 says/)]);
  });

  it("of the field pass: consumer group, DLQ, requeue, JavaScript's Promise, and the names of code", () => {
    const text =
      'a consumer group, a DLQ, a dead letter queue, is requeued, a Promise, 5 msg/s, `story`\n```\ntold(msg);\n```';
    expect(dialectOnPage({ path: 'a.md', text })).toEqual([]);
    expect(dialectInDocstrings({ path: 'a.ts', text: '// told\nconst told = 1;' })).toEqual([]);
    expect(dialectInTexts({ path: 'a.ts', text: "emit('told'); import('./told.js');" })).toEqual([]);
  });

  it('that a page copies, or lists as a synonym, are judged where they come from', () => {
    const text = [
      '| term | also called | meaning |\n|---|---|---|\n| message | msg | one |\n',
      '| `TRANSPORT_A` | It is told. | Do this. | no |\n',
      '## Options\n| `a` | told |\n',
      '<!-- reasons -->\n| `b` | told |\n',
      '<!-- broker-table:start -->\ntold\n<!-- broker-table:end -->',
    ].join('\n');
    expect(dialectOnPage({ path: 'a.md', text })).toEqual([]);
    expect(dialectOnPage({ path: 'a.md', text: `${text}\n| \`TRANSPORT_B\` | When. | It is told. | no |` })).toEqual([
      expect.stringMatching(/"told"/),
    ]);
  });

  it('of the brokers lead to ours in the glossary', () => {
    const synonyms = rowsOf(page('docs/glossary.md')).map(([, also = '']) => also);
    for (const word of ['consumer group', 'DLQ', 'requeue', 'prefetch', 'backlog', 'OpenTelemetry', 'terminus']) {
      expect(synonyms).toContainEqual(expect.stringContaining(word));
    }
  });
});

describe('the layout in CONTRIBUTING.md', () => {
  const folders = (...path: string[]): string[] =>
    readdirSync(join(root, ...path), { withFileTypes: true })
      .filter((entry) => entry.isDirectory() && entry.name !== 'node_modules' && entry.name !== 'dist')
      .map(({ name }) => [...path, name].join('/'));

  const layout = (): string[] =>
    [
      ...folders('libs'),
      ...folders('apps'),
      ...folders('libs', 'transport', 'src'),
      ...folders('libs', 'transport', 'src', 'drivers'),
    ].filter((path) => path !== 'libs/transport/src/drivers');

  const mapped = (text: string): string[] => {
    const map = text.split('\n## Layout')[1]?.split('\n## ')[0] ?? '';
    return linksOf(map)
      .map(({ target }) => target)
      .filter((target) => /^(libs|apps)\//.test(target));
  };

  const differences = (text: string, there: readonly string[]): string[] => [
    ...there.filter((folder) => !mapped(text).includes(folder)).map((folder) => `${folder} is not in the layout`),
    ...mapped(text)
      .filter((folder) => !there.includes(folder))
      .map((folder) => `${folder} is in the layout only`),
  ];

  it('has every folder, and no other', () => {
    expect(differences(page('CONTRIBUTING.md'), layout())).toEqual([]);
    expect(layout().length).toBeGreaterThan(10);
  });

  it('would miss a new folder, and one that is gone', () => {
    const text = '\n## Layout\n[a](libs/a) [b](apps/b)\n## Next\n[c](libs/c)';
    expect(differences(text, ['libs/a', 'libs/c'])).toEqual([
      'libs/c is not in the layout',
      'apps/b is in the layout only',
    ]);
  });

  it('names every folder of tests', () => {
    const line =
      page('CONTRIBUTING.md')
        .split('\n')
        .find((each) => each.startsWith('| [test](test)')) ?? '';
    expect(
      folders('test')
        .map((path) => path.slice('test/'.length))
        .filter((name) => !line.includes(name)),
    ).toEqual([]);
  });
});

describe('commands on pages', () => {
  const commandsOf = (text: string): string[] =>
    [...text.matchAll(/\bnpm (?:run ([a-z:]+)|(test)\b)/g)].map(([, name, test]) => name ?? test ?? '');
  const unknown = (text: string, known: readonly string[]): string[] =>
    commandsOf(text).filter((name) => !known.includes(name));
  const { scripts } = JSON.parse(page('package.json')) as { scripts: Record<string, string> };

  it('exist in package.json', () => {
    expect(
      pages.flatMap(({ path, text }) => unknown(text, Object.keys(scripts)).map((name) => `${path}: npm run ${name}`)),
    ).toEqual([]);
    expect(new Set(commandsOf(page('CONTRIBUTING.md'))).size).toBeGreaterThan(5);
  });

  it('would be missed', () => {
    expect(unknown('`npm run demo`, `npm run demon`, `npm test`', ['demo', 'test'])).toEqual(['demon']);
  });
});

describe('the README', () => {
  it('stays within what one reads at a sitting', () => {
    expect(page('README.md').split('\n').length).toBeLessThanOrEqual(200);
  });

  it('answers what a reader asks first: how to install, what a throw does, how to delay, test, and write a driver', () => {
    const text = page('README.md');
    const [firstScreen = ''] = text.split('\n## Features');
    expect(firstScreen).toMatch(/npm install nest-transport[^]*a handler throws \|[^]*dead letter/);
    const answers = ['deliverAfterMs', 'guides/testing.md', 'guides/driver-authors.md', '## When not to use it'];
    expect(answers.filter((answer) => !text.includes(answer))).toEqual([]);
  });

  it('begins with a whole program of at most 25 lines', () => {
    expect(
      blocksOf(page('README.md'))
        .find(({ info }) => info === 'ts')
        ?.text.split('\n').length,
    ).toBeLessThanOrEqual(25);
  });
});

describe('the changelog', () => {
  /** What is wrong with a changelog; undefined when it can take the next release. */
  const problem = (text: string): string | undefined => {
    const [first = ''] = text.split(/^## /m).slice(1);
    if (!/^\[?Unreleased\]?\s*$/m.test(first.split('\n')[0] ?? '')) return 'its first section is not "## Unreleased"';
    return /^- \S/m.test(first) ? undefined : 'its Unreleased section is empty';
  };

  it('begins with what is not released yet', () => {
    expect(problem(page('CHANGELOG.md'))).toBeUndefined();
  });

  it.each([
    ['no section', '# Changelog\n', 'its first section is not "## Unreleased"'],
    ['a release first', '# Changelog\n## 1.0.0\n- x\n## Unreleased\n- y\n', 'its first section is not "## Unreleased"'],
    ['nothing in it', '# Changelog\n## Unreleased\n\n## 1.0.0\n- x\n', 'its Unreleased section is empty'],
    ['another level', '# Changelog\n### Unreleased\n- x\n', 'its first section is not "## Unreleased"'],
  ])('would be caught with %s', (_what, text, complaint) => {
    expect(problem(text)).toBe(complaint);
  });
});
