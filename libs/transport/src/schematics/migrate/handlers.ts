import ts from 'typescript';
import type { FileDraft } from './draft.js';
import { decoratorCall, literalText, nodesOf } from './syntax.js';

const SUCCESSORS: Readonly<Record<string, 'Subscribe' | 'Respond'>> = {
  EventPattern: 'Subscribe',
  MessagePattern: 'Respond',
};

const CONTEXTS: ReadonlySet<string> = new Set(['KafkaContext', 'NatsContext', 'RmqContext']);

/** What a context of Nest's has as a method, and ours as a field. */
const FIELDS: Readonly<Record<string, string>> = {
  'getTopic()': 'topic',
  'getSubject()': 'topic',
  'getPattern()': 'topic',
  'getPartition()': 'partition',
  'getHeaders()': 'headers',
  'getMessage().headers': 'headers',
  'getMessage().key': 'key',
  'getMessage().offset': 'offset',
};

/** `@EventPattern('t')` becomes `@Subscribe('t')`, `@MessagePattern('t')` becomes `@Respond('t')`, and contexts become `MessageContext`. */
export function migrateHandlers(draft: FileDraft): void {
  for (const method of nodesOf(draft.source, ts.isMethodDeclaration)) {
    const call = decoratorCall(method, 'EventPattern', 'MessagePattern');
    if (call === undefined || !migrateDecorator(draft, call)) continue;
    for (const parameter of method.parameters) migrateContext(draft, method, parameter);
  }
}

/** A pattern that is an object stays as it is: Nest's own decorators go on working. @returns whether it is ours now */
function migrateDecorator(draft: FileDraft, call: ts.CallExpression): boolean {
  const successor = SUCCESSORS[call.expression.getText()] as 'Subscribe' | 'Respond';
  const [pattern, ...others] = call.arguments;
  const isForOneTransport = others.length === 1 && others[0]?.getText().startsWith('Transport.') === true;
  if (literalText(pattern) === undefined || (others.length > 0 && !isForOneTransport)) {
    if (others.length > 0) draft.leave(call, `its options were not migrated: see @${successor}.`);
    return others.length === 0;
  }
  draft.need(successor);
  draft.replace(call, `${successor}(${(pattern as ts.Expression).getText()})`);
  return true;
}

function migrateContext(draft: FileDraft, method: ts.MethodDeclaration, parameter: ts.ParameterDeclaration): void {
  const { type, name } = parameter;
  if (type === undefined || !CONTEXTS.has(type.getText())) return;
  draft.need('type MessageContext');
  draft.replace(type, 'MessageContext');
  if (method.body === undefined || !ts.isIdentifier(name)) return;
  for (const use of nodesOf(method.body, ts.isIdentifier)) if (use.text === name.text) migrateUse(draft, use);
}

function migrateUse(draft: FileDraft, use: ts.Identifier): void {
  const chain = longestChain(use);
  const found = chain.find((node) => FIELDS[textBehind(use, node)] !== undefined);
  if (found !== undefined) return draft.replace(found, `${use.text}.${FIELDS[textBehind(use, found)] as string}`);
  if (chain.length === 0) return;
  draft.leave(
    use,
    `${(chain[0] as ts.Node).getText()}: MessageContext has no such method; what the broker gave is at ${use.text}.raw, and acks are made by the library.`,
  );
}

/** Property accesses and calls that begin with a name, the longest first. */
function longestChain(use: ts.Node): ts.Node[] {
  const chain: ts.Node[] = [];
  let node = use;
  while (isAccessOf(node.parent, node)) chain.unshift((node = node.parent));
  return chain;
}

const isAccessOf = (parent: ts.Node, node: ts.Node): boolean =>
  (ts.isPropertyAccessExpression(parent) || ts.isCallExpression(parent)) && parent.expression === node;

const textBehind = (use: ts.Identifier, node: ts.Node): string => node.getText().slice(use.text.length + 1);
