import ts from 'typescript';
import type { FileDraft } from './draft.js';
import { isServerCall, optionsOfGolevelup, transportUse, type Facts, type TransportUse } from './facts.js';
import { nodesOf, propertyOf } from './syntax.js';

/** What has the options of a transport in a place that only the running program knows. */
const ELSEWHERE: ReadonlySet<string> = new Set(['useFactory', 'useClass', 'useExisting']);

const isElsewhere = (property: ts.ObjectLiteralElementLike): boolean =>
  ts.isSpreadAssignment(property) || ELSEWHERE.has(property.name?.getText() ?? '');

/** Whether `{ transport, options }` leaves open which transport it is. */
export function isUnread(options: ts.Expression): boolean {
  if (!ts.isObjectLiteralExpression(options)) return true;
  const transport = propertyOf(options, 'transport');
  return transport === undefined ? options.properties.some(isElsewhere) : !/^Transport\.\w+$/.test(transport.getText());
}

const NEW_CLIENTS: ReadonlySet<string> = new Set(['ClientKafka', 'ClientKafkaProxy', 'ClientNats', 'ClientRMQ']);

/** Names the servers and clients whose options are not written where they are made, and clients that the program makes itself. */
export function nameUnread(draft: FileDraft): void {
  for (const call of nodesOf(draft.source, ts.isCallExpression)) {
    const options = isServerCall(call.expression) ? call.arguments.find(isConnection) : undefined;
    if (options !== undefined && isUnread(options)) {
      draft.leave(call, 'its transport is not written here as Transport.KAFKA, NATS or RMQ, and was not migrated.');
    }
    if (call.expression.getText() === 'ClientProxyFactory.create') nameOwnClient(draft, call, call.arguments[0]);
  }
  for (const made of nodesOf(draft.source, ts.isNewExpression)) {
    if (NEW_CLIENTS.has(made.expression.getText())) nameOwnClient(draft, made, undefined);
  }
}

/** The first argument of `createMicroservice` is the module, and the second of `connectMicroservice` is for Nest. */
const isConnection = (_: ts.Expression, index: number, all: readonly ts.Expression[]): boolean => {
  const callee = (all[0]?.parent as ts.CallExpression).expression as ts.PropertyAccessExpression;
  return index === (callee.name.text === 'createMicroservice' ? 1 : 0);
};

function nameOwnClient(draft: FileDraft, made: ts.Node, options: ts.Expression | undefined): void {
  if (options !== undefined && transportUse(options) === undefined && !isUnread(options)) return;
  draft.leave(made, 'a client that the program makes was not migrated: inject TransportClient instead of it.');
}

/** Names the options of the registration that are not written where they are used; those of the broker begin with the defaults. */
export function nameUnreadOptions(drafts: readonly FileDraft[], facts: Facts): void {
  const [use] = [...facts.servers, ...facts.clients];
  const [golevelup] = facts.golevelup;
  const parts = golevelup === undefined ? partsOf(use) : [optionsOfGolevelup(golevelup)];
  const part = parts.find((each) => each !== undefined && isIncomplete(each));
  const draft = drafts.find(({ source }) => source === part?.getSourceFile());
  if (part === undefined || draft === undefined) return;
  draft.leave(part, 'these options are not written here: give addresses, group and login to TransportModule yourself.');
}

const partsOf = (use: TransportUse | undefined): (ts.Expression | undefined)[] => [
  use?.options,
  ...['client', 'consumer', 'queueOptions'].map((name) => propertyOf(use?.options, name)),
];

const isIncomplete = (part: ts.Expression): boolean =>
  !ts.isObjectLiteralExpression(part) || part.properties.some(isElsewhere);
