import { TransportError, type TlsOptions } from '../../contract/index.js';
import { checkOptions, option, withDefaults, type OptionRule } from '../../shared/index.js';
import { checkTls, isHalfCertificate, tlsRule } from '../kit/tls.js';
import { addressOf, isLoopback, type RabbitmqAddress } from './client/addresses.js';

/** Configures TLS. Certificate chain and host name are always verified; certificates and keys are PEM. */
export type RabbitmqTlsOptions = TlsOptions;

/** Selects how topics map to exchanges: a routing key on one exchange (`topic`, `direct`), or one exchange per topic (`fanout`). */
export type RabbitmqExchangeType = 'topic' | 'direct' | 'fanout';

/** Selects the queue type: `'quorum'` replicates messages to several nodes, `'classic'` keeps them on one. */
export type RabbitmqQueueType = 'quorum' | 'classic';

/** Configures `rabbitmq()`. Only `url` is required. An unknown option name throws. */
export interface RabbitmqOptions {
  /**
   * `amqp://host:5672` or `amqps://host:5671`, with the virtual host as path. For a cluster an array of all nodes,
   * tried in turn. It may contain user and password; `username` and `password` take precedence.
   */
  readonly url: string | readonly string[];
  /** User name. RabbitMQ accepts `guest` from its own machine only. @default the one of the address, else 'guest' */
  readonly username?: string;
  /** Password. @default the one of the address, else 'guest' */
  readonly password?: string;
  /** Virtual host. @default the path of the address, else '/' */
  readonly vhost?: string;
  /** `'external'` logs in with the client's certificate. @default 'plain' */
  readonly mechanism?: 'plain' | 'external';
  /**
   * Encrypts connections and always verifies certificates, TLS 1.2 or later. `true` trusts the system's certificate
   * authorities. @default true with `amqps:`, no encryption with `amqp:`
   */
  readonly tls?: true | RabbitmqTlsOptions;
  /** Allows the password without TLS to another machine. It is then readable on the network. @default false */
  readonly allowPlainWithoutTls?: boolean;
  /** Name of the connections on the management page, followed by `(publish)` or `(consume)`. @default the service's name */
  readonly connectionName?: string;
  /** How long a connection may take to open. @default 5000 */
  readonly connectionTimeoutMs?: number;
  /** Heartbeat timeout, in whole seconds. A server that is silent for two to three of these counts as dead. @default 10000 */
  readonly heartbeatMs?: number;
  /** `'topic'` supports patterns, `'direct'` does not. `'fanout'` uses an exchange per topic. @default 'topic' */
  readonly exchangeType?: RabbitmqExchangeType;
  /**
   * Name of the durable exchange; dead letters use `<exchange>.dead-letter`. Not with `exchangeType: 'fanout'`.
   * @default 'nest-transport'
   */
  readonly exchange?: string;
  /** `'quorum'` is replicated. `'classic'` has one copy on one node. @default 'quorum' */
  readonly queueType?: RabbitmqQueueType;
  /**
   * Returns the name of a group's queue, for queues that exist; `undefined` means the default name. Also called for
   * dead-letter and retry topics. Two subscriptions on one queue are rejected. @default `<group>:<topic>`
   */
  readonly queueName?: (topic: string, group: string) => string | undefined;
  /**
   * More arguments of the groups' queues, with RabbitMQ's names: `{ 'x-max-length': 100000, 'x-overflow':
   * 'reject-publish' }`. @default none
   */
  readonly queueArguments?: Readonly<Record<string, string | number | boolean>>;
  /** One member of a group is active, the others wait: the order of a key holds across members. @default false */
  readonly singleActiveConsumer?: boolean;
  /**
   * `false` declares and binds nothing: exchanges and queues must exist, and retries wait in the process. The queues of
   * instances (`every-instance`, replies to requests) are declared in any case. @default true
   */
  readonly provision?: boolean;
  /**
   * How often a subscription checks that its exchange and binding exist: RabbitMQ does not report their deletion. 0:
   * never. @default 5000
   */
  readonly topologyCheckMs?: number;
  /** A message that no queue is bound for fails its publish, or is discarded. @default 'fail' */
  readonly unroutable?: 'fail' | 'discard';
  /**
   * Maximum size of a message: key, body and headers. The server's `max_message_size` must allow it (16 MiB from
   * RabbitMQ 4.0 on, 128 MiB before). @default 16777216
   */
  readonly maxMessageBytes?: number;
  /** How long an unconfirmed message is sent again, with its id, after a lost connection. @default 10000 */
  readonly republishMs?: number;
  /**
   * Unsettled messages of a subscription in this process, including those that wait for a retry. Nothing more is
   * fetched above it. @default 2000
   */
  readonly maxUnsettled?: number;
  /** The server's `consumer_timeout`: an unsettled message returns to the broker before it expires. @default 1800000 */
  readonly consumerTimeoutMs?: number;
}

/** Lists the default of each option. The defaults of login, `vhost`, `tls` and `connectionName` depend on other settings. */
export const RABBITMQ_DEFAULTS = {
  mechanism: 'plain',
  allowPlainWithoutTls: false,
  connectionTimeoutMs: 5_000,
  heartbeatMs: 10_000,
  exchangeType: 'topic',
  exchange: 'nest-transport',
  queueType: 'quorum',
  singleActiveConsumer: false,
  provision: true,
  topologyCheckMs: 5_000,
  unroutable: 'fail',
  maxMessageBytes: 16_777_216,
  republishMs: 10_000,
  maxUnsettled: 2_000,
  consumerTimeoutMs: 1_800_000,
} as const satisfies Partial<RabbitmqOptions>;

/** Checked, with every default filled in. */
export type ResolvedRabbitmqOptions = Omit<RabbitmqOptions, keyof typeof RABBITMQ_DEFAULTS | 'url'> &
  Required<Pick<RabbitmqOptions, keyof typeof RABBITMQ_DEFAULTS>> & {
    readonly addresses: readonly RabbitmqAddress[];
  };

const exactly = (expected: string, accepts: (value: unknown) => boolean): OptionRule => ({ expected, accepts });

const URL_SHAPE = 'a text "amqp://host:port", or an array of them, at least one';
const wholeSeconds = exactly(
  'a whole number of seconds in milliseconds, 1000 to 3600000',
  (value) => typeof value === 'number' && value % 1_000 === 0 && value >= 1_000 && value <= 3_600_000,
);
const scalars = exactly(
  'an object of texts, numbers and booleans',
  (value) =>
    option.record.accepts(value) &&
    Object.values(value as object).every((item) => ['string', 'number', 'boolean'].includes(typeof item)),
);

const RULES = {
  url: exactly(URL_SHAPE, (value) => option.text.accepts(value) || option.texts.accepts(value)),
  username: option.text,
  password: option.text,
  vhost: option.text,
  mechanism: option.oneOf('plain', 'external'),
  tls: tlsRule,
  allowPlainWithoutTls: option.flag,
  connectionName: option.text,
  connectionTimeoutMs: option.integer(1),
  heartbeatMs: wholeSeconds,
  exchangeType: option.oneOf('topic', 'direct', 'fanout'),
  exchange: option.text,
  queueType: option.oneOf('quorum', 'classic'),
  queueName: option.fn,
  queueArguments: scalars,
  singleActiveConsumer: option.flag,
  provision: option.flag,
  topologyCheckMs: option.integer(0),
  unroutable: option.oneOf('fail', 'discard'),
  maxMessageBytes: option.integer(1, 536_870_912),
  republishMs: option.integer(0),
  maxUnsettled: option.integer(1, 65_535),
  consumerTimeoutMs: option.integer(1_000),
} as const satisfies Record<keyof RabbitmqOptions, OptionRule>;

/** Arguments that the driver sets itself, so they are rejected in `queueArguments`. */
const OWN_ARGUMENTS: readonly string[] = ['x-queue-type', 'x-single-active-consumer', 'x-delivery-limit', 'x-expires'];

/**
 * Applies the defaults and rejects invalid, unknown or contradictory options.
 * @throws TransportError `TRANSPORT_OPTION_UNKNOWN`, `TRANSPORT_OPTION_INVALID`, `TRANSPORT_OPTION_CONFLICT`
 */
export function resolveRabbitmqOptions(options: RabbitmqOptions): ResolvedRabbitmqOptions {
  checkOptions('rabbitmq()', options, RULES);
  if (options.url === undefined) throw invalid('url', `must be ${URL_SHAPE}, got nothing`);
  checkTls('rabbitmq()', options.tls);
  const { url, ...resolved } = withDefaults(options, RABBITMQ_DEFAULTS);
  const urls = typeof url === 'string' ? [url] : url;
  const addresses = urls.map((each) => addressOf(each, options, (text) => invalid('url', text)));
  const complete: ResolvedRabbitmqOptions = { ...resolved, addresses };
  refuseConflicts(options, complete);
  return complete;
}

function refuseConflicts(given: RabbitmqOptions, options: ResolvedRabbitmqOptions): void {
  const { tls, addresses, mechanism, queueArguments = {} } = options;
  if (given.exchangeType === 'fanout' && given.exchange !== undefined) {
    throw conflict(
      "exchange cannot be combined with exchangeType: 'fanout', where each topic has its own exchange. Remove one of the two.",
    );
  }
  if (isHalfCertificate(tls)) {
    throw conflict('tls.cert and tls.key must be set together; one of them is missing.');
  }
  if (tls !== undefined && addresses.some(({ encrypted }) => !encrypted)) {
    throw conflict('tls is set, but an address starts with amqp:. Use amqps:.');
  }
  if (mechanism === 'external' && (tls === undefined || tls === true || tls.cert === undefined)) {
    throw conflict(
      "mechanism: 'external' logs in with a certificate. Set tls.cert and tls.key, and use an amqps: address.",
    );
  }
  const own = Object.keys(queueArguments).find((name) => OWN_ARGUMENTS.includes(name));
  if (own !== undefined) throw conflict(`queueArguments must not contain "${own}": the driver sets it.`);
  refusePlainInTheClear(options);
}

function refusePlainInTheClear({ mechanism, allowPlainWithoutTls, addresses }: ResolvedRabbitmqOptions): void {
  if (mechanism !== 'plain' || allowPlainWithoutTls) return;
  const remote = addresses.find((address) => !address.encrypted && !isLoopback(address));
  if (remote === undefined) return;
  throw conflict(
    `the password would be sent unencrypted to ${remote.name}. Use amqps:, or set allowPlainWithoutTls: true.`,
  );
}

const conflict = (text: string): TransportError =>
  new TransportError('TRANSPORT_OPTION_CONFLICT', `rabbitmq(): ${text}`, { driver: 'rabbitmq' });
const invalid = (name: string, text: string): TransportError =>
  new TransportError('TRANSPORT_OPTION_INVALID', `rabbitmq(): ${name} ${text}.`, { driver: 'rabbitmq' });
