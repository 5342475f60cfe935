import { join } from 'node:path';
import ts from 'typescript';
import { filesUnder, read, root } from '../architecture/tree.js';
import { blocksOf, type Block, type Page } from './markdown.js';
import { AMBIENT } from './ambient.js';
import { entryPoints, exportsOf, programOf, publicNames, publicProgram } from './sources.js';

describe('every public name', () => {
  const undocumented = (
    program: ts.Program,
    names: readonly { readonly name: string; readonly symbol: ts.Symbol }[],
  ): string[] =>
    names
      .filter(({ symbol }) => symbol.getDocumentationComment(program.getTypeChecker()).length === 0)
      .map(({ name }) => name);

  it('has a docstring', () => {
    const names = publicNames().map(({ entryPoint, name, symbol }) => ({ name: `${entryPoint} ${name}`, symbol }));
    expect(undocumented(publicProgram(), names)).toEqual([]);
    expect(new Set(names.map(({ name }) => name)).size).toBeGreaterThan(90);
    expect([...entryPoints().keys()]).toEqual(expect.arrayContaining(['.', './memory', './kafka', './testing']));
  });

  it('would be missed without one: a plain comment, tags alone and a docstring that was left behind do not count', () => {
    const entryPoint = join(root, 'test/docs/planted-entry-point.ts');
    const behind = join(root, 'test/docs/planted-behind.ts');
    const texts = new Map([
      [entryPoint, "export { good, bare, plain, tagged, type Shape } from './planted-behind.js';\n/** Left behind. */"],
      [
        behind,
        [
          '/** Says something. */ export const good = 1;',
          'export const bare = 2;',
          '// Says something. */',
          'export const plain = 3;',
          '/** @internal */ export const tagged = 4;',
          'export interface Shape { /** Only its field says something. */ readonly x: number }',
        ].join('\n'),
      ],
    ]);
    const program = programOf([entryPoint], texts);
    expect(undocumented(program, exportsOf(program, entryPoint)).sort()).toEqual(['Shape', 'bare', 'plain', 'tagged']);
  });
});

interface Example {
  /** `README.md:21` */
  readonly where: string;
  readonly text: string;
}

/**
 * The TypeScript of a page that claims to compile, and what is wrong with those that do not claim it.
 */
function examplesOf({ path, text }: Page): { examples: Example[]; complaints: string[] } {
  const blocks = blocksOf(text).filter(({ info }) => /^(ts|typescript)\b/.test(info));
  const unchecked = blocks.filter(({ info }) => info.includes('no-check'));
  return {
    examples: blocks.filter((block) => !unchecked.includes(block)).flatMap((block) => waysOf(path, block)),
    complaints: unchecked
      .filter(({ info }) => !/^ts no-check: \S.{9,}$/.test(info))
      .map(({ line }) => `${path}:${line - 1} is not checked, and does not say why`),
  };
}

/** A second `const app` in a block begins another way to do the same: each is compiled by itself. */
function waysOf(path: string, { line, text }: Block): Example[] {
  const declared = [...text.matchAll(/^(?:export )?const (\w+)/gm)].map(([, name]) => name);
  if (new Set(declared).size === declared.length) return [{ where: `${path}:${line}`, text }];
  const parts = text.split(/\n\n(?=\/\/ )/);
  return parts.map((part, index) => {
    const before = parts.slice(0, index).reduce((sum, each) => sum + each.split('\n').length + 1, 0);
    return { where: `${path}:${line + before}`, text: part };
  });
}

/** What the compiler says about examples, by page and line. The names of ambient.ts are there without an import. */
function errorsIn(examples: readonly Example[]): string[] {
  const ambient = join(root, 'test/docs/planted-ambient.ts');
  const texts = new Map([[ambient, AMBIENT]]);
  const paths = examples.map((example, index) => {
    const path = join(root, `test/docs/planted-example-${index}.ts`);
    texts.set(path, `${example.text}\nexport {};\n`);
    return path;
  });
  const program = programOf([ambient, ...paths], texts);
  const ambientErrors = diagnosticsOf(program, ambient).map(({ text }) => `ambient.ts: ${text}`);
  const errors = paths.flatMap((path, index) =>
    diagnosticsOf(program, path).map(({ line, text }) => {
      const [page = '', first = '0'] = (examples[index] as Example).where.split(':');
      return `${page}:${Number(first) + line} ${text}`;
    }),
  );
  return [...ambientErrors, ...errors];
}

function diagnosticsOf(program: ts.Program, path: string): { line: number; text: string }[] {
  const source = program.getSourceFile(path) as ts.SourceFile;
  return [...program.getSyntacticDiagnostics(source), ...program.getSemanticDiagnostics(source)].map(
    ({ start = 0, messageText }) => ({
      line: source.getLineAndCharacterOfPosition(start).line,
      text: ts.flattenDiagnosticMessageText(messageText, ' '),
    }),
  );
}

describe('the TypeScript of README and docs', () => {
  const pages = [...filesUnder()]
    .filter((path) => /^(README|libs\/transport\/README|docs\/.+)\.md$/.test(path))
    .map(read)
    .map(examplesOf);

  it('compiles, or says in the same line why it is not checked', () => {
    const examples = pages.flatMap((page) => page.examples);
    expect(pages.flatMap(({ complaints }) => complaints)).toEqual([]);
    expect(errorsIn(examples)).toEqual([]);
    expect(examples.length).toBeGreaterThan(15);
  }, 60_000);

  it('would be caught with a name that does not exist, a wrong payload, an unknown option and a syntax error', () => {
    const text = [
      '# Planted',
      '```ts',
      "import { Publishr } from 'nest-transport';",
      '```',
      '```ts',
      'await publisher.publish(OrderCreated, { orderId: 5 });',
      '```',
      '```ts',
      "kafka({ brokers: ['localhost:9092'], provison: {} });",
      '```',
      '```ts',
      'const = 1;',
      '```',
    ].join('\n');
    const errors = errorsIn(examplesOf({ path: 'planted.md', text }).examples);
    expect(errors).toEqual(
      expect.arrayContaining([
        expect.stringMatching(/^planted\.md:3 .*Publishr/),
        expect.stringMatching(/^planted\.md:6 .*number.*string/),
        expect.stringMatching(/^planted\.md:9 .*provison/),
        expect.stringMatching(/^planted\.md:12 /),
      ]),
    );
  }, 60_000);

  it('is not let off without a reason', () => {
    const text =
      '```ts no-check\nx\n```\n```ts no-check: because\nx\n```\n```ts no-check: the rest of the class is left out\nx\n```';
    expect(examplesOf({ path: 'a.md', text })).toEqual({
      examples: [],
      complaints: ['a.md:1 is not checked, and does not say why', 'a.md:4 is not checked, and does not say why'],
    });
  });
});
