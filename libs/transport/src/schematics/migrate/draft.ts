import ts from 'typescript';
import { addImports, type NamedImport } from '../module-file.js';
import { parsed } from '../source-files.js';
import { withoutAliases } from './aliases.js';
import { nodesOf } from './syntax.js';

interface Edit {
  readonly start: number;
  readonly end: number;
  readonly text: string;
}

/** One file while it is migrated: what changes in it, and what its owner has to do by hand. */
export class FileDraft {
  readonly path: string;
  readonly source: ts.SourceFile;
  /** `src/main.ts:7: ...`, each a sentence. */
  readonly byHand: string[] = [];
  readonly #edits: Edit[] = [];
  readonly #needs = new Map<string, string>();

  constructor(path: string, text: string) {
    this.path = path;
    const { text: readable, unread } = withoutAliases(text);
    this.source = parsed(readable);
    for (const { node, sentence } of unread(this.source)) this.leave(node, sentence);
  }

  get isChanged(): boolean {
    return this.#edits.length > 0;
  }

  /** Imports a name, such as `Publisher` or `type MessageContext`, where it is not imported yet. */
  need(name: string, from = 'nest-transport'): void {
    this.#needs.set(name, from);
  }

  replace(node: ts.Node, text: string): void {
    this.#edits.push({ start: node.getStart(), end: node.end, text });
  }

  insertBefore(node: ts.Node, text: string): void {
    this.#edits.push({ start: node.getStart(), end: node.getStart(), text });
  }

  insertAfter(node: ts.Node, text: string): void {
    this.#edits.push({ start: node.end, end: node.end, text });
  }

  /** Takes a statement out, with the comments that stand before it. */
  remove(node: ts.Node): void {
    this.#edits.push({ start: node.getFullStart(), end: node.end, text: '' });
  }

  /** Takes an element out of a list, with the comma that follows it or, of the last one, that precedes it. */
  removeElement(element: ts.Expression): void {
    const list = (element.parent as ts.ArrayLiteralExpression).elements;
    const index = list.indexOf(element);
    const next = list[index + 1];
    const start = index > 0 && next === undefined ? (list[index - 1] as ts.Node).end : element.getFullStart();
    this.#edits.push({ start, end: next?.getFullStart() ?? element.end, text: '' });
  }

  /** Takes a decorator out, with the space behind it. */
  removeDecorator(decorator: ts.Decorator): void {
    const { text } = this.source;
    const space = /^\s*/.exec(text.slice(decorator.end))?.[0].length ?? 0;
    this.#edits.push({ start: decorator.getStart(), end: decorator.end + space, text: '' });
  }

  /** The white space at the beginning of a node's line. */
  indentOf(node: ts.Node): string {
    const before = this.source.text.slice(0, node.getStart());
    return /[ \t]*$/.exec(before)?.[0] ?? '';
  }

  leave(node: ts.Node, sentence: string): void {
    const { line } = this.source.getLineAndCharacterOfPosition(node.getStart());
    this.byHand.push(`${this.path}:${line + 1}: ${sentence}`);
  }

  /** The text with all changes; names that only the old code used are no longer imported. */
  get text(): string {
    const before = this.source.text;
    if (!this.isChanged) return before;
    let text = before;
    for (const { start, end, text: written } of [...this.#edits].sort((a, b) => b.start - a.start || b.end - a.end)) {
      text = text.slice(0, start) + written + text.slice(end);
    }
    return withoutUnused(addImports(text, this.#missing(text)), usedNames(this.source));
  }

  #missing(text: string): NamedImport[] {
    const there = importedNames(parsed(text));
    const byModule = new Map<string, string[]>();
    for (const [name, from] of [...this.#needs].sort()) {
      if (!there.has(name.replace('type ', ''))) byModule.set(from, [...(byModule.get(from) ?? []), name]);
    }
    return [...byModule].map(([from, names]) => ({ name: names.join(', '), from }));
  }
}

/** Every name outside of imports. */
const usedNames = (source: ts.SourceFile): Set<string> =>
  new Set(
    source.statements
      .filter((statement) => !ts.isImportDeclaration(statement))
      .flatMap((statement) => nodesOf(statement, ts.isIdentifier).map(({ text }) => text)),
  );

const specifiersOf = (statement: ts.Statement): readonly ts.ImportSpecifier[] => {
  const bindings = ts.isImportDeclaration(statement) ? statement.importClause?.namedBindings : undefined;
  return bindings !== undefined && ts.isNamedImports(bindings) ? bindings.elements : [];
};

const importedNames = (source: ts.SourceFile): Set<string> =>
  new Set(source.statements.flatMap(specifiersOf).map(({ name }) => name.text));

/** Takes out what was used before and is not any more. What was never used stays: that is its owner's affair. */
function withoutUnused(text: string, before: ReadonlySet<string>): string {
  const source = parsed(text);
  const after = usedNames(source);
  const isGone = ({ name }: ts.ImportSpecifier): boolean => before.has(name.text) && !after.has(name.text);
  let kept = text;
  for (const statement of [...source.statements].reverse()) {
    const specifiers = specifiersOf(statement);
    const stay = specifiers.filter((specifier) => !isGone(specifier));
    if (stay.length === specifiers.length) continue;
    kept = stay.length === 0 ? cut(kept, statement) : withSpecifiers(kept, specifiers, stay);
  }
  return kept;
}

/** This would also remove a default import in the same statement; the packages in question have none. */
function cut(text: string, { pos, end }: ts.Node): string {
  const rest = text.slice(end);
  return text.slice(0, pos) + (pos === 0 ? rest.replace(/^\r?\n/, '') : rest);
}

function withSpecifiers(text: string, all: readonly ts.ImportSpecifier[], stay: readonly ts.ImportSpecifier[]): string {
  const [first, last] = [all[0] as ts.ImportSpecifier, all.at(-1) as ts.ImportSpecifier];
  const names = stay.map((specifier) => specifier.getText()).join(', ');
  return text.slice(0, first.getStart()) + names + text.slice(last.end);
}
