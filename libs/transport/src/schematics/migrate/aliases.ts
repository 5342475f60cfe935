import ts from 'typescript';
import { parsed } from '../source-files.js';
import { nodesOf } from './syntax.js';

/** What the migration reads, by package. */
const READ: Readonly<Record<string, readonly string[]>> = {
  '@nestjs/core': ['NestFactory'],
  '@nestjs/common': ['Inject'],
  '@nestjs/microservices': [
    'Client',
    'ClientKafka',
    'ClientKafkaProxy',
    'ClientNats',
    'ClientProxy',
    'ClientProxyFactory',
    'ClientRMQ',
    'ClientsModule',
    'EventPattern',
    'KafkaContext',
    'MessagePattern',
    'NatsContext',
    'RmqContext',
    'Transport',
  ],
  '@golevelup/nestjs-rabbitmq': ['AmqpConnection', 'Nack', 'RabbitMQModule', 'RabbitRPC', 'RabbitSubscribe'],
};

/** A name that cannot be read, and where it is imported. */
export interface Unread {
  readonly node: ts.Node;
  readonly sentence: string;
}

/**
 * A file whose imports have their own names: `import { EventPattern as On }` becomes `EventPattern`, with all that uses it. Lines stay where they are.
 * @returns the text, and what keeps its alias because the file has another thing of that name
 */
export function withoutAliases(text: string): {
  readonly text: string;
  readonly unread: (source: ts.SourceFile) => Unread[];
} {
  const edits = aliasesIn(parsed(text)).flatMap((alias) => renaming(alias) ?? []);
  return { text: applied(text, edits), unread };
}

interface Alias {
  readonly specifier: ts.ImportSpecifier;
  readonly original: ts.ModuleExportName;
}

/** Only those of names that the migration reads. */
const aliasesIn = (source: ts.SourceFile): Alias[] =>
  importsOf(source).flatMap(({ names, bindings }) =>
    ts.isNamedImports(bindings)
      ? bindings.elements.flatMap((specifier) => {
          const original = specifier.propertyName;
          return original !== undefined && names.includes(original.text) ? [{ specifier, original }] : [];
        })
      : [],
  );

const importsOf = (source: ts.SourceFile): { names: readonly string[]; bindings: ts.NamedImportBindings }[] =>
  source.statements.filter(ts.isImportDeclaration).flatMap(({ moduleSpecifier, importClause }) => {
    const names = READ[(moduleSpecifier as ts.StringLiteral).text];
    const bindings = importClause?.namedBindings;
    return names === undefined || bindings === undefined ? [] : [{ names, bindings }];
  });

interface Edit {
  readonly start: number;
  readonly end: number;
  readonly text: string;
}

/** Undefined where the file has another thing of either name, or hands the alias on. */
function renaming({ specifier, original }: Alias): Edit[] | undefined {
  const all = nodesOf(specifier.getSourceFile(), ts.isIdentifier).filter((node) => !isMember(node));
  const uses = all.filter((node) => node.text === specifier.name.text && node.parent !== specifier);
  const others = all.filter((node) => node.text === original.text && node !== original);
  if (others.length > 0 || uses.some(isDeclaredOrHandedOn)) return undefined;
  const imported = { start: original.getStart(), end: specifier.name.end, text: original.text };
  return [imported, ...uses.map((use) => ({ start: use.getStart(), end: use.end, text: original.text }))];
}

/** The name of a member means nothing outside of its object. */
const isMember = (node: ts.Identifier): boolean =>
  (ts.isPropertyAccessExpression(node.parent) ||
    ts.isPropertyAssignment(node.parent) ||
    ts.isClassElement(node.parent) ||
    ts.isTypeElement(node.parent)) &&
  node.parent.name === node;

const isDeclaredOrHandedOn = (node: ts.Identifier): boolean =>
  ts.isShorthandPropertyAssignment(node.parent) ||
  ts.isExportSpecifier(node.parent) ||
  (node.parent as ts.NamedDeclaration).name === node;

const applied = (text: string, edits: readonly Edit[]): string =>
  [...edits]
    .sort((a, b) => b.start - a.start)
    .reduce((now, edit) => now.slice(0, edit.start) + edit.text + now.slice(edit.end), text);

/** What still has an alias, and what is used through a namespace. */
function unread(source: ts.SourceFile): Unread[] {
  const aliases = aliasesIn(source).map(({ specifier, original }) => ({
    node: specifier,
    sentence: `${original.text} is imported as ${specifier.name.text}, and cannot have its own name here: nothing that uses it was migrated.`,
  }));
  const namespaces = importsOf(source).flatMap(({ names, bindings }) => {
    const used = ts.isNamespaceImport(bindings) ? usedThrough(bindings, names) : [];
    return used.length === 0 ? [] : [{ node: bindings, sentence: notRead(bindings.getText(), used) }];
  });
  return [...aliases, ...namespaces];
}

const notRead = (imported: string, used: readonly string[]): string =>
  `${used.join(', ')}: what is used through "${imported}" was not migrated; import it as { ${used.join(', ')} }.`;

const usedThrough = ({ name }: ts.NamespaceImport, names: readonly string[]): string[] => {
  const source = name.getSourceFile();
  const accesses = nodesOf(source, ts.isPropertyAccessExpression).map(({ expression, name: of }) => [expression, of]);
  const types = nodesOf(source, ts.isQualifiedName).map(({ left, right }) => [left, right]);
  const used = [...accesses, ...types].flatMap(([of, member]) =>
    of?.getText() === name.text && member !== undefined ? [member.getText()] : [],
  );
  return names.filter((each) => used.includes(each));
};
