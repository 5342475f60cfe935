import { resolve } from 'node:path';
import type { Tree } from '@angular-devkit/schematics';
import { TransportError } from '../contract/index.js';

/** What Nest writes into a new project; for new files of projects that have no rules of their own. */
const NEST_STYLE = { singleQuote: true, trailingComma: 'all' } as const;

/**
 * Creates a file in the project's style.
 *
 * @throws TransportError `TRANSPORT_FILE_EXISTS`: work of the user is never overwritten.
 */
export async function createFile(tree: Tree, path: string, text: string): Promise<void> {
  if (tree.exists(path)) {
    throw new TransportError(
      'TRANSPORT_FILE_EXISTS',
      `${path} is there already, and is not overwritten; nothing was written. Choose another name, or move the file away.`,
    );
  }
  const style = await styleOf(path);
  tree.create(path, style === undefined ? text : await style.format(text, style.rules ?? NEST_STYLE));
}

/**
 * Changes a file. It is written in the project's style where it was before; else the change alone is made, so that no other line moves.
 * Nothing is touched when the text stays the same.
 */
export async function changeFile(tree: Tree, path: string, change: (text: string) => string): Promise<void> {
  const before = tree.readText(path);
  const after = change(before);
  if (after === before) return;
  const style = await styleOf(path);
  const rules = style?.rules ?? NEST_STYLE;
  const wasInStyle = style !== undefined && (await style.format(before, rules)) === before;
  tree.overwrite(path, wasInStyle ? await style.format(after, rules) : after);
}

interface Style {
  /** Of the project; undefined where it has none. */
  readonly rules: object | undefined;
  readonly format: (text: string, rules: object) => Promise<string>;
}

/** Undefined where the project has no prettier: then the text stays as the template has it. */
async function styleOf(path: string): Promise<Style | undefined> {
  const prettier = await import('prettier').catch(() => undefined);
  if (prettier === undefined) return undefined;
  const filepath = resolve(path);
  const rules = (await prettier.resolveConfig(filepath, { editorconfig: true })) ?? undefined;
  return { rules, format: (text, options) => prettier.format(text, { ...options, filepath }) };
}
