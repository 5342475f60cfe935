import ts from 'typescript';
import type { SourceFile } from './tree.js';

/**
 * What the library must not contain, and why:
 * - top-level await: `require('nest-transport')` would fail (Node loads ES modules synchronously for require);
 * - import.meta: the same sources are compiled to CommonJS for Jest;
 * - process.env: options come from the user's own configuration;
 * - console: what the library has to say goes through notices and Nest's logger.
 */
export function forbiddenSyntax(file: SourceFile): string[] {
  const source = ts.createSourceFile(file.path, file.text, ts.ScriptTarget.Latest, true, ts.ScriptKind.TS);
  const found: string[] = [];
  const visit = (node: ts.Node, inFunction: boolean): void => {
    const what = complaint(node, inFunction);
    if (what) found.push(`${file.path}:${source.getLineAndCharacterOfPosition(node.getStart()).line + 1} ${what}`);
    const inside = inFunction || ts.isFunctionLike(node);
    ts.forEachChild(node, (child) => visit(child, inside));
  };
  visit(source, false);
  return found;
}

function complaint(node: ts.Node, inFunction: boolean): string | undefined {
  if (!inFunction && (ts.isAwaitExpression(node) || (ts.isForOfStatement(node) && node.awaitModifier)))
    return 'top-level await';
  if (ts.isMetaProperty(node) && node.keywordToken === ts.SyntaxKind.ImportKeyword) return 'import.meta';
  if (!ts.isPropertyAccessExpression(node) && !ts.isElementAccessExpression(node)) return environmentTakenApart(node);
  const owner = node.expression.getText();
  if (owner === 'console' || owner === 'globalThis.console') return 'console';
  const member = ts.isPropertyAccessExpression(node) ? node.name.text : node.argumentExpression.getText().slice(1, -1);
  return /^(globalThis\.)?process$/.test(owner) && member === 'env' ? 'process.env' : undefined;
}

/** `const { env } = process` and `import { env } from 'node:process'`. */
function environmentTakenApart(node: ts.Node): string | undefined {
  if (ts.isVariableDeclaration(node) && node.initializer?.getText() === 'process') {
    return /\benv\b/.test(node.name.getText()) ? 'process.env' : undefined;
  }
  if (!ts.isImportDeclaration(node) || !/^['"](node:)?process['"]$/.test(node.moduleSpecifier.getText()))
    return undefined;
  return /\benv\b/.test(node.importClause?.getText() ?? '') ? 'process.env' : undefined;
}
