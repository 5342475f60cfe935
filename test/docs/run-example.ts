import ts from 'typescript';
import { read } from '../architecture/tree.js';
import { blocksOf } from './markdown.js';

/**
 * An example of a page, run as it stands there.
 * @param heading of the section whose first example it is; undefined: the page's first
 * @param scope what the example uses without saying where it comes from
 * @param result an expression over what the example declares
 */
export async function runExample(
  page: string,
  heading: string | undefined,
  scope: Readonly<Record<string, unknown>>,
  result: string,
  index = 0,
): Promise<unknown> {
  const { text } = read(page);
  const section = heading === undefined ? text : text.split(`\n## ${heading}\n`)[1];
  const block = blocksOf(section ?? '').filter(({ info }) => info === 'ts')[index];
  if (block === undefined) throw new Error(`${page} has no example under "${heading}".`);
  const compilerOptions = { experimentalDecorators: true, emitDecoratorMetadata: true, target: ts.ScriptTarget.ES2022 };
  const source = block.text.replaceAll(/^import .*$/gm, '').replaceAll(/^export /gm, '');
  const { outputText } = ts.transpileModule(`${source}\nreturn ${result};`, { compilerOptions });
  const run = new Function(...Object.keys(scope), `return (async () => { ${outputText} })()`);
  return run(...Object.values(scope)) as unknown;
}
