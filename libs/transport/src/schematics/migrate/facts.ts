import ts from 'typescript';
import type { FileDraft } from './draft.js';
import { decoratorCall, literalText, nodesOf, propertyOf } from './syntax.js';

/** The brokers whose Nest transports are migrated. */
export type MigratedBroker = 'kafka' | 'nats' | 'rabbitmq';

const TRANSPORTS: Readonly<Record<string, MigratedBroker>> = {
  'Transport.KAFKA': 'kafka',
  'Transport.NATS': 'nats',
  'Transport.RMQ': 'rabbitmq',
};

/** One use of a Nest transport: a server, or a client of `ClientsModule`. */
export interface TransportUse {
  readonly broker: MigratedBroker;
  /** The value of `options`; undefined where it is missing. */
  readonly options: ts.Expression | undefined;
}

/** The broker of `{ transport: Transport.KAFKA, options: { ... } }`; undefined for anything else. */
export function transportUse(node: ts.Node | undefined): TransportUse | undefined {
  const broker = TRANSPORTS[propertyOf(node, 'transport')?.getText() ?? ''];
  return broker === undefined ? undefined : { broker, options: propertyOf(node, 'options') };
}

/** What the files of an application say about its messaging, before anything is changed. */
export interface Facts {
  readonly servers: readonly TransportUse[];
  readonly clients: readonly TransportUse[];
  /** The calls of `RabbitMQModule.forRoot` and `forRootAsync`. */
  readonly golevelup: readonly ts.CallExpression[];
  /** The exchange of golevelup's module that ours takes over: its first; undefined where none is named by a literal. */
  readonly exchange: string | undefined;
  /** The texts of the tokens under which clients are injected: `'ORDERS'`, or the name of a constant. */
  readonly clientTokens: ReadonlySet<string>;
  /** The patterns of handlers that are literals. */
  readonly patterns: ReadonlySet<string>;
  /** The queues of golevelup's handlers, by routing key. */
  readonly queues: ReadonlyMap<string, string>;
}

export function factsOf(drafts: readonly FileDraft[]): Facts {
  const sources = drafts.map(({ source }) => source);
  const all = sources.flatMap((source) => nodesOf(source, ts.isCallExpression));
  const golevelup = all.filter(isGolevelupModule);
  const exchange = exchangesOf(golevelup[0] && optionsOfGolevelup(golevelup[0]))[0]?.name;
  const clientObjects = all.filter(isClientsModule).flatMap((call) => nodesOf(call, ts.isObjectLiteralExpression));
  const isUse = (use: TransportUse | undefined): use is TransportUse => use !== undefined;
  return {
    servers: all.flatMap(({ expression, arguments: given }) =>
      isServerCall(expression) ? given.map(transportUse).filter(isUse) : [],
    ),
    clients: [...clientObjects, ...all.flatMap(ownClient)].map(transportUse).filter(isUse),
    golevelup,
    exchange,
    clientTokens: new Set(clientObjects.flatMap(tokenOf)),
    patterns: new Set(all.flatMap(patternOf)),
    queues: new Map(
      sources.flatMap((source) =>
        nodesOf(source, ts.isMethodDeclaration).flatMap((method) => queueOf(method, exchange)),
      ),
    ),
  };
}

export const isServerCall = (callee: ts.Expression): boolean =>
  ts.isPropertyAccessExpression(callee) && ['connectMicroservice', 'createMicroservice'].includes(callee.name.text);

export const isClientsModule = ({ expression }: ts.CallExpression): boolean =>
  expression.getText().startsWith('ClientsModule.register');

/** The options of `@Client(...)` and of `ClientProxyFactory.create(...)`. */
const ownClient = ({ expression, arguments: [options] }: ts.CallExpression): ts.Expression[] =>
  options !== undefined && ['Client', 'ClientProxyFactory.create'].includes(expression.getText()) ? [options] : [];

export const isGolevelupModule = ({ expression }: ts.CallExpression): boolean =>
  expression.getText().startsWith('RabbitMQModule.forRoot');

/** The options of `RabbitMQModule.forRoot`; those of `forRootAsync` are what its factory returns. */
export function optionsOfGolevelup(call: ts.CallExpression): ts.Expression | undefined {
  const given = call.arguments.at(-1);
  const factory = propertyOf(given, 'useFactory');
  const isFunction = factory !== undefined && (ts.isArrowFunction(factory) || ts.isFunctionExpression(factory));
  return isFunction ? returnedBy(factory.body) : given;
}

function returnedBy(body: ts.ConciseBody): ts.Expression | undefined {
  if (ts.isParenthesizedExpression(body)) return returnedBy(body.expression);
  return ts.isBlock(body) ? body.statements.findLast(ts.isReturnStatement)?.expression : body;
}

/** Only for migrated clients: a client over TCP keeps its token. */
function tokenOf(object: ts.ObjectLiteralExpression): string[] {
  const token = transportUse(object) === undefined ? undefined : propertyOf(object, 'name');
  return token === undefined ? [] : [token.getText()];
}

function patternOf({ expression, arguments: [pattern] }: ts.CallExpression): string[] {
  const text = ['EventPattern', 'MessagePattern'].includes(expression.getText()) ? literalText(pattern) : undefined;
  return text === undefined ? [] : [text];
}

function queueOf(method: ts.MethodDeclaration, exchange: string | undefined): [string, string][] {
  const options = decoratorCall(method, 'RabbitSubscribe', 'RabbitRPC')?.arguments[0];
  const [key, queue] = [literalText(propertyOf(options, 'routingKey')), literalText(propertyOf(options, 'queue'))];
  const isOurs = !isOfOther(propertyOf(options, 'exchange'), exchange);
  return isOurs && key !== undefined && queue !== undefined ? [[key, queue]] : [];
}

/** The exchanges that the options of golevelup's module name. */
export function exchangesOf(
  options: ts.Expression | undefined,
): { name: string | undefined; type: string | undefined }[] {
  const list = propertyOf(options, 'exchanges');
  if (list === undefined || !ts.isArrayLiteralExpression(list)) return [];
  return list.elements.map((exchange) => ({
    name: literalText(propertyOf(exchange, 'name')),
    type: literalText(propertyOf(exchange, 'type')),
  }));
}

/** Whether a handler or a publish names another exchange. A name that is only known at run time counts as another. */
export const isOfOther = (given: ts.Expression | undefined, exchange: string | undefined): boolean =>
  given !== undefined && literalText(given) !== exchange;
