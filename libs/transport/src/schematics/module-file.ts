import { posix } from 'node:path';
import type { Tree } from '@angular-devkit/schematics';
import ts from 'typescript';
import { changeFile } from './files.js';
import { importPath, type Project } from './project.js';
import { unexpected } from './refusal.js';
import { parsed } from './source-files.js';

/** A name, and where it is imported from. */
export interface NamedImport {
  readonly name: string;
  readonly from: string;
}

/** What is written into the argument of `@Module`. */
export interface ModuleEntry {
  readonly list: 'imports' | 'controllers' | 'providers';
  /** The text of the element: `OrderCreatedSubscriber`. */
  readonly element: string;
  /** What the element's text needs. */
  readonly needs: readonly NamedImport[];
}

/** The module that is responsible for a folder: in it, or in the nearest folder above it that has one. */
export function nearestModule(tree: Tree, folder: string, sourceRoot: string): string | undefined {
  const modules = tree
    .getDir(folder)
    .subfiles.filter((file) => file.endsWith('.module.ts'))
    .sort((a, b) => Number(b === 'app.module.ts') - Number(a === 'app.module.ts'));
  if (modules[0] !== undefined) return posix.join(folder, modules[0]);
  const above = posix.dirname(folder);
  return folder === sourceRoot || above === folder ? undefined : nearestModule(tree, above, sourceRoot);
}

/**
 * Adds an element to a list of `@Module`, and its imports. A list that has it stays as it is.
 *
 * @throws TransportError `TRANSPORT_PROJECT_UNEXPECTED` when there is no `@Module({ ... })`, or its list is not written as an array.
 */
export function addToModule(text: string, entry: ModuleEntry): string {
  const insertion = insertionFor(moduleObject(parsed(text), entry), entry);
  if (insertion === undefined) return text;
  const { at, written } = insertion;
  // Imports come before the decorator, so their positions are still valid.
  return addImports(text.slice(0, at) + written + text.slice(at), entry.needs);
}

/**
 * Adds a class to the nearest module of its folder; without one nothing is changed.
 * @param at the file of the class, from the root
 */
export async function registerClass(
  tree: Tree,
  project: Project,
  at: { readonly file: string; readonly sourceRoot: string | undefined },
  { list, element }: Pick<ModuleEntry, 'list' | 'element'>,
): Promise<void> {
  const module = nearestModule(tree, posix.dirname(at.file), posix.normalize(at.sourceRoot ?? 'src'));
  if (module === undefined) return;
  const needs = [{ name: element, from: importPath(module, at.file, project) }];
  await changeFile(tree, module, (text) => addToModule(text, { list, element, needs }));
}

/** Adds imports behind those that are there. */
export function addImports(text: string, needs: readonly NamedImport[]): string {
  const end = parsed(text).statements.filter(ts.isImportDeclaration).at(-1)?.end ?? 0;
  const lines = needs.map(({ name, from }) => `\nimport { ${name} } from '${from}';`);
  return text.slice(0, end) + lines.join('') + text.slice(end);
}

/** The name of the class that has `@Module`; undefined where there is none. */
export function moduleClass(text: string): string | undefined {
  const found = parsed(text).statements.find((statement) => moduleDecorator(statement) !== undefined);
  return found !== undefined && ts.isClassDeclaration(found) ? found.name?.text : undefined;
}

function moduleObject(source: ts.SourceFile, { element, list }: ModuleEntry): ts.ObjectLiteralExpression {
  for (const statement of source.statements) {
    const argument = moduleDecorator(statement)?.arguments[0];
    if (argument !== undefined && ts.isObjectLiteralExpression(argument)) return argument;
  }
  throw unexpected(`There is no @Module({ ... }) in the module's file: add ${element} to its ${list} by hand.`);
}

/** The call `Module(...)` that decorates a class. */
function moduleDecorator(statement: ts.Statement): ts.CallExpression | undefined {
  const decorators = ts.canHaveDecorators(statement) ? (ts.getDecorators(statement) ?? []) : [];
  return decorators
    .map(({ expression }) => expression)
    .filter(ts.isCallExpression)
    .find(({ expression }) => expression.getText() === 'Module');
}

interface Insertion {
  readonly at: number;
  readonly written: string;
}

function insertionFor(object: ts.ObjectLiteralExpression, { list, element }: ModuleEntry): Insertion | undefined {
  const property = object.properties.find((found) => found.name?.getText() === list);
  if (property === undefined) return afterLast(object.properties, object, `${list}: [${element}]`);
  if (!ts.isPropertyAssignment(property) || !ts.isArrayLiteralExpression(property.initializer)) {
    throw unexpected(`${list} of @Module is not written as an array there: add ${element} to it by hand.`);
  }
  const { elements } = property.initializer;
  if (elements.some((found) => found.getText() === element)) return undefined;
  return afterLast(elements, property.initializer, element);
}

function afterLast(nodes: ts.NodeArray<ts.Node>, parent: ts.Node, text: string): Insertion {
  const last = nodes.at(-1);
  return last === undefined ? { at: parent.getStart() + 1, written: text } : { at: last.end, written: `, ${text}` };
}
