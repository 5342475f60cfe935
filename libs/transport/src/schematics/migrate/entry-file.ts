import ts from 'typescript';
import { createCall } from '../nest-add/main-file.js';
import { calls } from '../source-files.js';
import type { FileDraft } from './draft.js';
import { transportUse } from './facts.js';
import { nodesOf } from './syntax.js';

/**
 * `createMicroservice`, and `create` with `connectMicroservice`, become `createTransportApp`; where that does not fit, `connectMicroservice`
 * becomes `connectTransport`.
 * @param staysConnected Nest's transport is needed in addition to ours, for a queue with several patterns
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

function connectHybrid(draft: FileDraft, found: readonly ts.CallExpression[], staysConnected: boolean): void {
  const [first, ...others] = found as [ts.CallExpression, ...ts.CallExpression[]];
  for (const call of found.filter(({ parent }) => !ts.isExpressionStatement(parent))) {
    draft.leave(call, 'the microservice that this gave is no longer there.');
  }
  if (staysConnected) return connectAfter(draft, first);
  const creating = createCall(draft.source);
  if (creating === undefined) connectInstead(draft, first);
  else {
    draft.need('createTransportApp');
    draft.replace(creating.expression, 'createTransportApp');
  }
  const gone = creating === undefined ? others : found;
  for (const { parent } of gone) if (ts.isExpressionStatement(parent)) draft.remove(parent);
}

const appOf = (call: ts.CallExpression): string =>
  (call.expression as ts.PropertyAccessExpression).expression.getText();

function connectAfter(draft: FileDraft, call: ts.CallExpression): void {
  draft.need('connectTransport');
  draft.insertAfter(call.parent, `\n${draft.indentOf(call.parent)}connectTransport(${appOf(call)});`);
}

/** The application is created in a way that `createTransportApp` does not take, such as with an HTTP adapter. */
function connectInstead(draft: FileDraft, call: ts.CallExpression): void {
  const app = appOf(call);
  const hooks = `${app}.enableShutdownHooks`;
  draft.need('connectTransport');
  const more = calls(draft.source.text, [hooks]) ? '' : `;\n${draft.indentOf(call.parent)}${hooks}()`;
  draft.replace(call, `connectTransport(${app})${more}`);
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
