import { forbiddenSyntax } from './library-syntax.js';
import { typeScriptFiles } from './tree.js';

describe('the library', () => {
  const files = typeScriptFiles().filter(
    ({ path }) => path.startsWith('libs/transport/src/') && !path.endsWith('.spec.ts'),
  );

  it('has no top-level await, import.meta, process.env or console', () => {
    expect(files.flatMap(forbiddenSyntax)).toEqual([]);
    expect(files.length).toBeGreaterThan(100);
  });

  it.each([
    ['top-level await', 'export const x = await load();'],
    ['top-level await', 'for await (const x of y) use(x);'],
    ['top-level await', 'if (a) { await b; }'],
    ['import.meta', 'export const here = () => import.meta.url;'],
    ['process.env', 'export const x = () => process.env.HOME;'],
    ['process.env', "export const x = process['env'];"],
    ['process.env', 'const { env } = process;'],
    ['process.env', "import { env } from 'node:process';"],
    ['process.env', 'globalThis.process.env;'],
    ['console', "function f() { console.log('x'); }"],
    ['console', 'const { log } = console.x;'],
  ])('would be caught with %s: %s', (what, text) => {
    expect(forbiddenSyntax({ path: 'planted.ts', text })).toEqual([`planted.ts:1 ${what}`]);
  });

  it('may speak of them, and await inside functions', () => {
    const text =
      "// console.log(process.env)\nasync function f() { for await (const x of y) await x; }\nconst s = 'import.meta';";
    expect(forbiddenSyntax({ path: 'planted.ts', text })).toEqual([]);
  });
});
