import ts from 'typescript';
import { calls } from '../source-files.js';
import type { FileDraft } from './draft.js';
import { transportUse } from './facts.js';
import { nodesOf } from './syntax.js';

/**
 * `connectMicroservice` with one of the transports becomes `connectTransport`, and `createMicroservice` becomes `createTransportApp`.
 * @param staysConnected Nest's transport is needed beside ours, for a queue with several patterns
 */
export function migrateEntry(draft: FileDraft, staysConnected: boolean): void {
  const found = nodesOf(draft.source, ts.isCallExpression).filter(({ expression }) =>
    ts.isPropertyAccessExpression(expression),
  );
  const connects = found.filter((call) => isCallOf(call, 'connectMicroservice'));
  const ours = connects.filter(({ arguments: [options] }) => transportUse(options) !== undefined);
  if (ours.length > 0) connectHybrid(draft, ours, staysConnected);
  if (ours.length > 0 && ours.length === connects.length && !staysConnected) removeStart(draft, found);
  for (const call of found) if (isCallOf(call, 'createMicroservice')) createApp(draft, call);
}

const isCallOf = ({ expression }: ts.CallExpression, name: string): boolean =>
  (expression as ts.PropertyAccessExpression).name.text === name;

function connectHybrid(
  draft: FileDraft,
  [first, ...others]: readonly ts.CallExpression[],
  staysConnected: boolean,
): void {
  const call = first as ts.CallExpression;
  const app = (call.expression as ts.PropertyAccessExpression).expression.getText();
  const connecting = `connectTransport(${app})`;
  draft.need('connectTransport');
  if (!ts.isExpressionStatement(call.parent)) draft.leave(call, 'the microservice that this gave is no longer there.');
  if (staysConnected) return draft.insertAfter(call.parent, `\n${draft.indentOf(call.parent)}${connecting};`);
  const hooks = calls(draft.source.text, [`${app}.enableShutdownHooks`])
    ? ''
    : `;\n${draft.indentOf(call.parent)}${app}.enableShutdownHooks()`;
  draft.replace(call, `${connecting}${hooks}`);
  for (const other of others) if (ts.isExpressionStatement(other.parent)) draft.remove(other.parent);
}

function removeStart(draft: FileDraft, found: readonly ts.CallExpression[]): void {
  for (const call of found.filter((candidate) => isCallOf(candidate, 'startAllMicroservices'))) {
    const statement = ts.isAwaitExpression(call.parent) ? call.parent.parent : call.parent;
    if (ts.isExpressionStatement(statement)) draft.remove(statement);
  }
}

/** The other options, such as `logger`, stay. */
function createApp(draft: FileDraft, call: ts.CallExpression): void {
  const [module, options] = call.arguments;
  if (module === undefined || options === undefined || transportUse(options) === undefined) return;
  const others = (options as ts.ObjectLiteralExpression).properties.filter(
    ({ name }) => !['transport', 'options'].includes(name?.getText() ?? ''),
  );
  const kept = ['http: false', ...others.map((property) => property.getText())].join(', ');
  draft.need('createTransportApp');
  draft.replace(call, `createTransportApp(${module.getText()}, { ${kept} })`);
}
