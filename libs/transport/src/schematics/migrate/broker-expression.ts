import ts from 'typescript';
import { ADDRESSES } from '../nest-add/brokers.js';
import { exchangesOf, optionsOfGolevelup, type Facts, type MigratedBroker, type TransportUse } from './facts.js';
import { isClosed, literalText, propertyOf, quoted } from './syntax.js';

/** How an application says to ours what it said to its transport until now. */
export interface Registration {
  readonly broker: MigratedBroker;
  /** The expression that makes the broker. */
  readonly expression: string;
  /** The expression of the service's name; undefined where the application has no group. */
  readonly service: string | undefined;
  /** Old publishers wrap payloads into Nest's packets. */
  readonly readsPackets: boolean;
  /** What could not be carried over, each a sentence. */
  readonly byHand: readonly string[];
}

/** Collects the properties of a broker's options, and says what has no place in them. */
class Properties {
  readonly written: string[] = [];
  readonly byHand: string[] = [];

  set(name: string, text: string): void {
    this.written.push(`${name}: ${text}`);
  }

  /** Carries an expression over; one that names what is declared elsewhere would not compile in the module. */
  carry(name: string, value: ts.Expression | undefined, otherwise?: string): void {
    if (value !== undefined && isClosed(value)) return this.set(name, value.getText());
    if (value !== undefined) this.byHand.push(`${name} was ${value.getText()}: write it into the broker's options.`);
    if (otherwise !== undefined) this.set(name, otherwise);
  }

  mention(options: ts.Expression | undefined, sentences: Readonly<Record<string, string>>): void {
    for (const [name, sentence] of Object.entries(sentences)) {
      if (propertyOf(options, name) !== undefined) this.byHand.push(`${name}: ${sentence}`);
    }
  }
}

/** What a Nest transport's options become. The server's are decisive; an application that only publishes has a client's. */
export function registrationOf(use: TransportUse, facts: Facts): Registration {
  const properties = new Properties();
  const { service, readsPackets } = WRITERS[use.broker](use.options, properties, facts);
  return {
    broker: use.broker,
    expression: `${use.broker}({ ${properties.written.join(', ')} })`,
    service,
    readsPackets,
    byHand: properties.byHand,
  };
}

type Writer = (
  options: ts.Expression | undefined,
  properties: Properties,
  facts: Facts,
) => Pick<Registration, 'service' | 'readsPackets'>;

const WRITERS: Readonly<Record<MigratedBroker, Writer>> = {
  kafka(options, properties) {
    const client = propertyOf(options, 'client');
    properties.carry('brokers', propertyOf(client, 'brokers'), ADDRESSES.kafka);
    carryOptional(properties, client, { clientId: 'clientId', sasl: 'sasl', ssl: 'tls' });
    properties.set('provision', '{}');
    properties.mention(options, {
      producer: 'see acks, idempotent and compression of kafka().',
      run: 'see concurrency of subscriptions.',
      subscribe: 'a group that is new begins at the beginning; see startFrom of subscriptions.',
    });
    const group = propertyOf(propertyOf(options, 'consumer'), 'groupId');
    return { service: groupName(group), readsPackets: false };
  },
  nats(options, properties) {
    carryServers(properties, propertyOf(options, 'servers'));
    properties.set('provision', '{}');
    properties.mention(options, {
      user: 'see auth of nats().',
      token: 'see auth of nats().',
      tls: 'see tls of nats().',
    });
    const queue = propertyOf(options, 'queue');
    return { service: queue !== undefined && isClosed(queue) ? queue.getText() : undefined, readsPackets: true };
  },
  rabbitmq(options, properties, { patterns, servers }) {
    properties.carry('url', propertyOf(options, 'urls'), ADDRESSES.rabbitmq);
    const queue = literalText(propertyOf(options, 'queue'));
    if (queue !== undefined && servers.length > 0 && patterns.size === 1) takeQueue(properties, queue, options);
    return { service: undefined, readsPackets: true };
  },
};

/** Nest's transport takes one address as a text too: what only the running program knows may be a text or a list. */
function carryServers(properties: Properties, servers: ts.Expression | undefined): void {
  const one = literalText(servers);
  if (one !== undefined) return properties.set('servers', `[${quoted(one)}]`);
  if (servers === undefined || !isClosed(servers) || isList(servers)) {
    return properties.carry('servers', servers, ADDRESSES.nats);
  }
  const text = servers.getText();
  properties.set('servers', isVariable(servers) ? `[${text} ?? 'localhost:4222']` : `[${text}].flat()`);
}

/** An array, or a call such as `process.env.NATS_URL.split(',')`. */
const isList = (node: ts.Expression): boolean => ts.isArrayLiteralExpression(node) || ts.isCallExpression(node);

/** `process.env.NATS_URL`. */
const isVariable = (node: ts.Expression): boolean =>
  ts.isPropertyAccessExpression(node) || ts.isElementAccessExpression(node);

/** A queue with one pattern goes on as it is; one with several stays with Nest's transport until it is empty. */
function takeQueue(properties: Properties, queue: string, options: ts.Expression | undefined): void {
  properties.set('queueType', `'classic'`);
  properties.set('queueName', `() => ${quoted(queue)}`);
  const given = propertyOf(options, 'queueOptions');
  carryOptional(properties, given, { arguments: 'queueArguments' });
  if (propertyOf(given, 'durable')?.getText() === 'false') {
    properties.byHand.push(
      `durable: false: a queue of ours is durable, so declare "${quoted(queue)}" again under another name.`,
    );
  }
}

function carryOptional(
  properties: Properties,
  from: ts.Expression | undefined,
  names: Readonly<Record<string, string>>,
): void {
  for (const [old, name] of Object.entries(names)) {
    const value = propertyOf(from, old);
    if (value !== undefined && value.getText() !== 'false') properties.carry(name, value);
  }
}

/** The options of golevelup's module, and the queues that its handlers name. */
export function golevelupRegistration(call: ts.CallExpression, { queues }: Facts): Registration {
  const properties = new Properties();
  const options = optionsOfGolevelup(call);
  properties.carry('url', propertyOf(options, 'uri'), ADDRESSES.rabbitmq);
  const [exchange, ...others] = exchangesOf(options);
  if (exchange?.name !== undefined) properties.set('exchange', quoted(exchange.name));
  if (exchange?.type !== undefined && exchange.type !== 'topic') properties.set('exchangeType', quoted(exchange.type));
  if (others.length > 0) {
    properties.byHand.push(
      `An application has one exchange for each broker: ${others.map(({ name }) => name).join(', ')} needs a broker of its own in brokers.`,
    );
  }
  if (queues.size > 0) {
    properties.set('queueType', `'classic'`);
    properties.set('queueName', queueNames(queues));
  }
  return {
    broker: 'rabbitmq',
    expression: `rabbitmq({ ${properties.written.join(', ')} })`,
    service: undefined,
    readsPackets: false,
    byHand: properties.byHand,
  };
}

/** A topic that is not in the table, such as a dead-letter topic, keeps the queue name of the driver. */
function queueNames(queues: ReadonlyMap<string, string>): string {
  const entries = [...queues].map(([topic, queue]) => `[${quoted(topic)}, ${quoted(queue)}]`);
  return `(topic) => new Map([${entries.join(', ')}]).get(topic)`;
}

/** Nest's Kafka transport appends `-server` to the group id that it is given. */
function groupName(group: ts.Expression | undefined): string | undefined {
  if (group === undefined || !isClosed(group)) return undefined;
  const text = literalText(group);
  return text === undefined ? `\`\${${group.getText()}}-server\`` : quoted(`${text}-server`);
}
