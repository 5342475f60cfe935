import type { Tree } from '@angular-devkit/schematics';
import ts from 'typescript';

/** A file of TypeScript in the tree of a project. */
export interface SourceText {
  /** From the root, without a slash at its beginning. */
  readonly path: string;
  readonly text: string;
}

/** The files of TypeScript below a folder. No specs: what they use, the application need not have. */
export function sourcesBelow(tree: Tree, folder: string): SourceText[] {
  const found: SourceText[] = [];
  tree.getDir(folder).visit((path) => {
    if (!path.endsWith('.ts') || /(\.d|[.-]spec)\.ts$|\/node_modules\//.test(path)) return;
    found.push({ path: path.replace(/^\//, ''), text: tree.readText(path) });
  });
  return found;
}

/** Whether the code calls one of these: `connectTransport`, `TransportModule.forRoot`. A comment that has the word is no call. */
export function calls(text: string, names: readonly string[]): boolean {
  // Most files do not contain the word and need not be parsed.
  if (!names.some((name) => text.includes(name))) return false;
  const isCall = (node: ts.Node): boolean =>
    (ts.isCallExpression(node) && names.includes(node.expression.getText())) ||
    (ts.forEachChild(node, (child) => isCall(child) || undefined) ?? false);
  return isCall(parsed(text));
}

/** Whether the code imports from this module: `nest-transport/kafka`. */
export const importsFrom = (text: string, module: string): boolean =>
  text.includes(module) &&
  parsed(text).statements.some(
    (statement) =>
      ts.isImportDeclaration(statement) &&
      ts.isStringLiteral(statement.moduleSpecifier) &&
      statement.moduleSpecifier.text === module,
  );

/** The code as a tree whose nodes know their parents and their text. */
export const parsed = (text: string): ts.SourceFile =>
  ts.createSourceFile('file.ts', text, ts.ScriptTarget.Latest, true);
