import ts from 'typescript';
import type { SourceFile } from './tree.js';

/** What a text of the library must not name: users have neither the commands of this repository nor its folders. */
const OURS = /npm run (brokers:(up|down)|demo|doctor|test:\w+)|(?<![\w/])(docs|test|scripts|tools)\/[\w./-]+/;

/** Strings and templates that name a command or a file of this repository. Comments may; an address that ends with the path may. */
export function textsForUsOnly({ path, text }: SourceFile): string[] {
  const source = ts.createSourceFile(path, text, ts.ScriptTarget.Latest, true, ts.ScriptKind.TS);
  const found: string[] = [];
  const visit = (node: ts.Node): void => {
    const what = isText(node) ? OURS.exec(node.text)?.[0] : undefined;
    if (what !== undefined) {
      found.push(`${path}:${source.getLineAndCharacterOfPosition(node.getStart()).line + 1} ${what}`);
    }
    if (!ts.isImportDeclaration(node)) ts.forEachChild(node, visit);
  };
  visit(source);
  return found;
}

const isText = (node: ts.Node): node is ts.LiteralLikeNode =>
  ts.isStringLiteralLike(node) || ts.isTemplateHead(node) || ts.isTemplateMiddle(node) || ts.isTemplateTail(node);
