import ts from 'typescript';
import type { FileDraft } from './draft.js';
import { isClientsModule, transportUse, type Facts } from './facts.js';
import { isUnread } from './unread.js';
import { classAround, decoratorCall, nodesOf, propertyOf } from './syntax.js';

const CLIENTS: ReadonlySet<string> = new Set([
  'ClientProxy',
  'ClientKafka',
  'ClientKafkaProxy',
  'ClientNats',
  'ClientRMQ',
]);

/** Clients that are injected become `TransportClient`, which has their `emit` and `send`; `ClientsModule` loses those entries. */
export function migrateClients(draft: FileDraft, { clientTokens }: Facts): void {
  for (const call of nodesOf(draft.source, ts.isCallExpression).filter(isClientsModule))
    migrateRegistration(draft, call);
  const injections = [...nodesOf(draft.source, ts.isParameter), ...nodesOf(draft.source, ts.isPropertyDeclaration)];
  const migrated = injections.filter((injection) => migrateInjection(draft, injection, clientTokens));
  for (const injection of migrated) removeReplySubscriptions(draft, injection);
}

/** Only for this client in this class: a client that stays with Nest needs the call. */
function removeReplySubscriptions(draft: FileDraft, injection: Injection): void {
  const owner = classAround(injection);
  const call = `this.${injection.name.getText()}.subscribeToResponseOf(`;
  if (owner === undefined) return;
  for (const statement of nodesOf(owner, ts.isExpressionStatement)) {
    if (
      statement
        .getText()
        .replace(/^await /, '')
        .startsWith(call)
    )
      draft.remove(statement);
  }
}

/** The whole call goes when all of its clients do. */
function migrateRegistration(draft: FileDraft, call: ts.CallExpression): void {
  const [given] = call.arguments;
  const list = given !== undefined && ts.isObjectLiteralExpression(given) ? propertyOf(given, 'clients') : given;
  if (list === undefined || !ts.isArrayLiteralExpression(list)) {
    return draft.leave(
      call,
      'its clients are not written as an array: inject TransportClient instead of them, and take it out.',
    );
  }
  const migrated = list.elements.filter((element) => transportUse(element) !== undefined);
  const others = list.elements.filter((element) => transportUse(element) === undefined);
  for (const element of others.filter(isUnread)) {
    draft.leave(element, 'the transport of this client is not written here: inject TransportClient instead of it.');
  }
  if (others.length === 0 && ts.isArrayLiteralExpression(call.parent)) return draft.removeElement(call);
  migrated.forEach((element) => draft.removeElement(element));
}

type Injection = ts.ParameterDeclaration | ts.PropertyDeclaration;

/** @returns whether it is ours now */
function migrateInjection(draft: FileDraft, injection: Injection, tokens: ReadonlySet<string>): boolean {
  const client = decoratorCall(injection, 'Client');
  if (client !== undefined) return migrateClientProperty(draft, injection, client);
  const inject = decoratorCall(injection, 'Inject');
  if (inject === undefined || !tokens.has(inject.arguments[0]?.getText() ?? '')) return false;
  const { type } = injection;
  if (type === undefined || !CLIENTS.has(type.getText())) {
    draft.leave(injection, 'its client is no longer registered: inject TransportClient instead.');
    return false;
  }
  draft.need('TransportClient');
  draft.replace(type, 'TransportClient');
  if (ts.isParameter(injection)) draft.removeDecorator(inject.parent as ts.Decorator);
  else draft.replace(inject.arguments[0] as ts.Node, 'TransportClient');
  return true;
}

/** `@Client(...)` makes a client of its own. One over TCP stays. @returns whether it is ours now */
function migrateClientProperty(draft: FileDraft, { type }: Injection, client: ts.CallExpression): boolean {
  const [options] = client.arguments;
  const isOurs = transportUse(options) !== undefined;
  if (isOurs && type !== undefined && CLIENTS.has(type.getText())) {
    draft.need('Inject', '@nestjs/common');
    draft.need('TransportClient');
    draft.replace(client, 'Inject(TransportClient)');
    draft.replace(type, 'TransportClient');
    return true;
  }
  if (isOurs || (options !== undefined && isUnread(options))) {
    draft.leave(client, 'inject TransportClient in the constructor instead of @Client(...).');
  }
  return false;
}
