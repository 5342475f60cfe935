import { resolve } from 'node:path';
import type { Tree } from '@angular-devkit/schematics';

/** What Nest writes into a new project; for projects that have no rules of their own. */
const NEST_STYLE = { singleQuote: true, trailingComma: 'all' } as const;

/**
 * Creates a file in the project's style.
 *
 * @throws Error when it is there already: work of the user is never overwritten.
 */
export async function createFile(tree: Tree, path: string, text: string): Promise<void> {
  if (tree.exists(path)) throw new Error(`${path} is there already. Choose another name, or move the file away.`);
  tree.create(path, await inStyle(path, text));
}

/** Changes a file, and writes it in the project's style; nothing is touched when the text stays the same. */
export async function changeFile(tree: Tree, path: string, change: (text: string) => string): Promise<void> {
  const before = tree.readText(path);
  const after = change(before);
  if (after !== before) tree.overwrite(path, await inStyle(path, after));
}

/** Without prettier in the project the text stays as the template has it. */
async function inStyle(path: string, text: string): Promise<string> {
  const prettier = await import('prettier').catch(() => undefined);
  if (prettier === undefined) return text;
  const file = resolve(path);
  const rules = await prettier.resolveConfig(file, { editorconfig: true });
  return prettier.format(text, { ...(rules ?? NEST_STYLE), filepath: file });
}
