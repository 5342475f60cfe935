import ts from 'typescript';
import { root } from '../architecture/tree.js';

/** A public name with its meaning, as `exportsOf` gives it. */
export interface PublicName {
  readonly name: string;
  readonly symbol: ts.Symbol;
}

/** Names whose fields a user fills in. */
const FILLED_IN = /(Options|Settings|^PublishEntry)$/;
/** Names of numbers that say what they count in. */
const CARRIES_ITS_UNIT = /(Ms|Bytes)$/;

/**
 * Members that a reader could use wrongly and about which nothing is said: what can be called, what a user fills in, and
 * numbers whose name has no unit. Plain data such as `topic: string` may speak for itself.
 */
export function silentMembers(program: ts.Program, names: readonly PublicName[]): string[] {
  const checker = program.getTypeChecker();
  return names.flatMap(({ name, symbol }) =>
    membersOf(checker, symbol)
      .filter((member) => !isSaid(checker, member) && !speaksForItself(checker, name, member))
      .map((member) => `${name}.${member.name}`),
  );
}

/** Functions and methods that throw in their own body, and whose docstring has no `@throws`. */
export function silentThrowers(program: ts.Program, names: readonly PublicName[]): string[] {
  const checker = program.getTypeChecker();
  const complaint = (name: string, symbol: ts.Symbol): string[] =>
    symbol.declarations?.some(throwsItself) === true && !hasTag(checker, symbol, 'throws') ? [name] : [];
  return names.flatMap(({ name, symbol }) => [
    ...(symbol.flags & ts.SymbolFlags.Class ? [] : complaint(name, symbol)),
    ...membersOf(checker, symbol).flatMap((member) => complaint(`${name}.${member.name}`, member)),
    ...silentConstructors(symbol).map(() => `${name}.constructor`),
  ]);
}

function silentConstructors({ declarations = [] }: ts.Symbol): ts.ConstructorDeclaration[] {
  return declarations
    .flatMap((declaration) => (ts.isClassDeclaration(declaration) ? declaration.members : []))
    .filter((member) => ts.isConstructorDeclaration(member))
    .filter((made) => throwsItself(made) && !ts.getJSDocTags(made).some(({ tagName }) => tagName.text === 'throws'));
}

/** The public members that we wrote, inherited ones too: of a class its statics as well, of a union those of every part. */
export function membersOf(checker: ts.TypeChecker, symbol: ts.Symbol): ts.Symbol[] {
  if (!(symbol.flags & (ts.SymbolFlags.Class | ts.SymbolFlags.Interface | ts.SymbolFlags.TypeAlias))) return [];
  const type = checker.getDeclaredTypeOfSymbol(symbol);
  const parts = type.isUnion() ? type.types : [type];
  const statics =
    symbol.flags & ts.SymbolFlags.Class ? checker.getPropertiesOfType(checker.getTypeOfSymbol(symbol)) : [];
  const all = [...parts.flatMap((part) => checker.getPropertiesOfType(part)), ...statics];
  return [...new Set(all)].filter((member) => (member.declarations ?? []).some(isOurs));
}

function isOurs(declaration: ts.Declaration): boolean {
  const path = declaration.getSourceFile().fileName;
  if (!path.startsWith(root) || path.includes('/node_modules/')) return false;
  const name = ts.getNameOfDeclaration(declaration);
  const isHidden = (ts.getCombinedModifierFlags(declaration) & ts.ModifierFlags.Private) !== 0;
  return !isHidden && !(name !== undefined && ts.isPrivateIdentifier(name));
}

/** A sentence, or a tag that says something: `@default 5000` at `timeoutMs` is enough. */
function isSaid(checker: ts.TypeChecker, member: ts.Symbol): boolean {
  const isTold = (tag: ts.JSDocTagInfo): boolean => ['default', 'throws', 'param', 'returns'].includes(tag.name);
  return (
    member.getDocumentationComment(checker).length > 0 ||
    member.getJsDocTags(checker).some((tag) => isTold(tag) && ts.displayPartsToString(tag.text).trim() !== '')
  );
}

function speaksForItself(checker: ts.TypeChecker, owner: string, member: ts.Symbol): boolean {
  const type = checker.getNonNullableType(checker.getTypeOfSymbol(member));
  // n.b. `broker?: undefined` beside `brokers` in a union: a field that is forbidden there.
  if (type.flags & (ts.TypeFlags.Undefined | ts.TypeFlags.Never)) return true;
  if (FILLED_IN.test(owner) || type.getCallSignatures().length > 0) return false;
  return (type.flags & ts.TypeFlags.NumberLike) === 0 || CARRIES_ITS_UNIT.test(member.name);
}

function hasTag(checker: ts.TypeChecker, symbol: ts.Symbol, name: string): boolean {
  return symbol.getJsDocTags(checker).some((tag) => tag.name === name);
}

/** n.b. what the body calls may throw as well; that is beyond this. Nor is the body of a function within it looked into. */
function throwsItself(declaration: ts.Declaration): boolean {
  const body = bodyOf(declaration);
  const seen = (node: ts.Node): boolean =>
    ts.isThrowStatement(node) || (!ts.isFunctionLike(node) && ts.forEachChild(node, seen) === true);
  return body !== undefined && seen(body);
}

function bodyOf(declaration: ts.Declaration): ts.Node | undefined {
  if (
    ts.isFunctionDeclaration(declaration) ||
    ts.isMethodDeclaration(declaration) ||
    ts.isConstructorDeclaration(declaration)
  )
    return declaration.body;
  const value =
    ts.isVariableDeclaration(declaration) || ts.isPropertyDeclaration(declaration)
      ? declaration.initializer
      : undefined;
  return value !== undefined && (ts.isArrowFunction(value) || ts.isFunctionExpression(value)) ? value.body : undefined;
}
