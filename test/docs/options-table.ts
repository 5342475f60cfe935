import ts from 'typescript';
import { entryPoints, exportsOf, publicProgram, type InterfaceAt } from './sources.js';

/** The options of a broker, and the pages that show them: docs/defaults.md behind a marker, the driver's page under "Options". */
export interface DriverOptions {
  readonly driver: string;
  readonly options: InterfaceAt;
}

export const DRIVER_OPTIONS: readonly DriverOptions[] = [
  { driver: 'memory', options: ['./memory', 'MemoryOptions'] },
  { driver: 'kafka', options: ['./kafka', 'KafkaOptions'] },
  { driver: 'nats', options: ['./nats', 'NatsOptions'] },
  { driver: 'nsq', options: ['./nsq', 'NsqOptions'] },
  { driver: 'rabbitmq', options: ['./rabbitmq', 'RabbitmqOptions'] },
];

/** The table of an options interface, made of the docstrings of its members. */
export function optionsTable([entryPoint, name]: InterfaceAt): string {
  const path = entryPoints().get(entryPoint) ?? '';
  return tableOf(publicProgram(), path, name);
}

/** @throws Error where a member has no docstring, or has an optional value without `@default` */
export function tableOf(program: ts.Program, path: string, name: string): string {
  const symbol = exportsOf(program, path).find((each) => each.name === name)?.symbol;
  const declaration = symbol?.declarations?.find(ts.isInterfaceDeclaration);
  if (declaration === undefined) throw new Error(`${path} exports no interface ${name}.`);
  const rows = declaration.members.filter(ts.isPropertySignature).map((member) => rowOf(program, name, member));
  return ['| option | default | type | meaning |', '|---|---|---|---|', ...rows].join('\n');
}

function rowOf(program: ts.Program, owner: string, member: ts.PropertySignature): string {
  const name = member.name.getText();
  const [meaning = '', byDefault] = docstringOf(member);
  if (meaning === '') throw new Error(`${owner}.${name} has no docstring.`);
  const isOptional = member.questionToken !== undefined;
  if (isOptional && byDefault === undefined) throw new Error(`${owner}.${name} has no @default.`);
  const cells = [`\`${name}\``, defaultCell(byDefault), typeCell(program, member.type), meaning];
  return `| ${cells.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`;
}

/** A literal is code; a default in words stays as it is. */
const defaultCell = (text: string | undefined): string =>
  text === undefined ? 'required' : /^('[^']*'|\d+|true|false)$/.test(text) ? `\`${text}\`` : text;

/** The text of a docstring, and of its `@default`. */
function docstringOf(member: ts.PropertySignature): string[] {
  const source = member.getSourceFile().text;
  const comments = ts.getLeadingCommentRanges(source, member.getFullStart()) ?? [];
  const { pos, end } = comments.filter(({ pos }) => source.startsWith('/**', pos)).at(-1) ?? { pos: 0, end: 0 };
  const text = source.slice(pos, end).replace(/^\/\*\*|\*\/$/g, '');
  const line = text
    .replaceAll(/\n\s*\* ?/g, ' ')
    .replaceAll(/\s+/g, ' ')
    .trim();
  return line.split(/ ?@default /);
}

const typeCell = (program: ts.Program, node: ts.TypeNode | undefined): string =>
  node === undefined
    ? ''
    : [...new Set(typeNames(program.getTypeChecker(), node))].map((name) => `\`${name}\``).join(', ');

/** The types of a union one by one; of an interface its members. */
function typeNames(checker: ts.TypeChecker, node: ts.TypeNode): string[] {
  if (ts.isUnionTypeNode(node)) return node.types.flatMap((each) => typeNames(checker, each));
  if (ts.isTypeOperatorNode(node)) return typeNames(checker, node.type);
  if (ts.isArrayTypeNode(node)) return [`${typeNames(checker, node.elementType).join()}[]`];
  if (ts.isFunctionTypeNode(node)) return ['function'];
  if (ts.isTypeLiteralNode(node)) return [membersOf(node.members)];
  return ts.isTypeReferenceNode(node) ? namesBehind(checker, node) : [node.getText()];
}

function namesBehind(checker: ts.TypeChecker, node: ts.TypeReferenceNode): string[] {
  const named = checker.getSymbolAtLocation(node.typeName);
  const symbol = named && named.flags & ts.SymbolFlags.Alias ? checker.getAliasedSymbol(named) : named;
  const [declaration] = symbol?.declarations ?? [];
  if (declaration === undefined || declaration.getSourceFile().isDeclarationFile) return ['object'];
  if (ts.isTypeAliasDeclaration(declaration)) return typeNames(checker, declaration.type);
  return ts.isInterfaceDeclaration(declaration) ? [membersOf(declaration.members)] : ['object'];
}

const membersOf = (members: ts.NodeArray<ts.TypeElement>): string =>
  `{ ${members.map((member) => member.name?.getText() ?? '').join(', ')} }`;

/** A page with the table behind `mark` replaced. @throws Error where the page has no such table */
export function withTable(page: string, mark: string, table: string): string {
  const [before, ...after] = page.split(`\n${mark}\n`);
  const rest = after.join(`\n${mark}\n`);
  if (after.length === 0 || !/^\n*\|/.test(rest)) throw new Error(`The page has no table behind "${mark}".`);
  return `${before}\n${mark}\n${table}\n${rest.replace(/^\n*(\|.*\n)+/, '')}`;
}

/** Every page with options, by its path, as it should be. */
export function pagesWithOptions(read: (path: string) => string): Map<string, string> {
  const pages = new Map<string, string>();
  const put = (path: string, mark: string, table: string): void =>
    void pages.set(path, withTable(pages.get(path) ?? read(path), mark, table));
  for (const { driver, options } of DRIVER_OPTIONS) {
    const table = optionsTable(options);
    put('docs/defaults.md', `<!-- defaults: ${driver} -->`, table);
    if (driver !== 'memory') put(`docs/drivers/${driver}.md`, '## Options', table);
  }
  return pages;
}
