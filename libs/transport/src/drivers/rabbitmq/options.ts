import { TransportError } from '../../contract/index.js';
import { checkOptions, option, withDefaults, type OptionRule } from '../../shared/index.js';
import { checkTls, isHalfCertificate, tlsRule, type TlsOptions } from '../kit/tls.js';
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
   * Names the server as `amqp://host:5672` or `amqps://host:5671`, with the virtual host as path. For a cluster list all nodes, which are tried in turn.
   * It may contain user and password; `username` and `password` take precedence.
   */
  readonly url: string | readonly string[];
  /** Names the user to log in as. RabbitMQ allows `guest` only from localhost. @default the user in `url`, else 'guest' */
  readonly username?: string;
  /** Authenticates the user. @default the password in `url`, else 'guest' */
  readonly password?: string;
  /** Selects the virtual host. @default the path of `url`, else '/' */
  readonly vhost?: string;
  /** Selects the SASL mechanism. `'external'` logs in with the client certificate. @default 'plain' */
  readonly mechanism?: 'plain' | 'external';
  /** Configures TLS. `true` trusts the certificate authorities of the system. @default true with `amqps:`, no TLS with `amqp:` */
  readonly tls?: true | RabbitmqTlsOptions;
  /** Allows PLAIN without TLS to a remote server, which sends the password unencrypted. Without it such options throw. @default false */
  readonly allowPlainWithoutTls?: boolean;
  /** Names the connections in the management UI. @default the service's name */
  readonly connectionName?: string;
  /** Limits the time to connect and log in, in ms. @default 5000 */
  readonly connectionTimeoutMs?: number;
  /** Sets the heartbeat in ms, in whole seconds. A peer that is silent for two to three heartbeats is disconnected. @default 10000 */
  readonly heartbeatMs?: number;
  /** Selects the exchange type. Only `'topic'` supports wildcards. @default 'topic' */
  readonly exchangeType?: RabbitmqExchangeType;
  /** Names the exchange of all topics. Not allowed with `exchangeType: 'fanout'`, where each topic has its own exchange. @default 'nest-transport' */
  readonly exchange?: string;
  /** Selects the queue type. @default 'quorum' */
  readonly queueType?: RabbitmqQueueType;
  /**
   * Names the queue of a group: `(topic) => QUEUES[topic]`. `undefined` selects the default name. It is also called for dead-letter and retry topics.
   * Two subscriptions must not share a name. @default `<group>:<topic>`
   */
  readonly queueName?: (topic: string, group: string) => string | undefined;
  /** Adds arguments to the queues of groups: `{ 'x-max-length': 100000, 'x-overflow': 'reject-publish' }`. */
  readonly queueArguments?: Readonly<Record<string, string | number | boolean>>;
  /** Makes one member of a group active while the others stand by, which keeps the order per key across members. @default false */
  readonly singleActiveConsumer?: boolean;
  /**
   * Declares and binds exchanges and queues. With `false` they must exist, and failed messages wait for their retry in the process.
   * Queues of an instance (`every-instance`, replies to requests) are declared in any case. @default true
   */
  readonly provision?: boolean;
  /**
   * Sets the ms between two checks of a subscription for its exchange and binding, because RabbitMQ does not report their deletion.
   * A publisher that finds its exchange deleted waits for two of these checks. 0 turns the checks off. @default 5000
   */
  readonly topologyCheckMs?: number;
  /** Selects whether a publish without a bound queue fails or the message is discarded. @default 'fail' */
  readonly unroutable?: 'fail' | 'discard';
  /** Limits the bytes of one message (key, body and headers). `max_message_size` of the server must allow it. @default 16777216 (16 MiB) */
  readonly maxMessageBytes?: number;
  /** Sets for how many ms unconfirmed messages are sent again, with the same id, after a lost connection. @default 10000 */
  readonly republishMs?: number;
  /** Limits the unacknowledged messages of a subscription in this process, including those that wait for a retry. At the limit nothing more is received. @default 2000 */
  readonly maxUnsettled?: number;
  /** Names the `consumer_timeout` of the server in ms. Messages that are not acknowledged by then are requeued before the server closes the channel. @default 1800000 (30 min) */
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
    throw conflict("exchange cannot be combined with exchangeType: 'fanout', where each topic has its own exchange. Remove one of the two.");
  }
  if (isHalfCertificate(tls)) {
    throw conflict('tls.cert and tls.key must be set together; one of them is missing.');
  }
  if (tls !== undefined && addresses.some(({ encrypted }) => !encrypted)) {
    throw conflict('tls is set, but an address starts with amqp:. Use amqps:.');
  }
  if (mechanism === 'external' && (tls === undefined || tls === true || tls.cert === undefined)) {
    throw conflict("mechanism: 'external' logs in with a certificate. Set tls.cert and tls.key, and use an amqps: address.");
  }
  const own = Object.keys(queueArguments).find((name) => OWN_ARGUMENTS.includes(name));
  if (own !== undefined) throw conflict(`queueArguments must not contain "${own}": the driver sets it.`);
  refusePlainInTheClear(options);
}

function refusePlainInTheClear({ mechanism, allowPlainWithoutTls, addresses }: ResolvedRabbitmqOptions): void {
  if (mechanism !== 'plain' || allowPlainWithoutTls) return;
  const remote = addresses.find((address) => !address.encrypted && !isLoopback(address));
  if (remote === undefined) return;
  throw conflict(`the password would be sent unencrypted to ${remote.name}. Use amqps:, or set allowPlainWithoutTls: true.`);
}

const conflict = (text: string): TransportError =>
  new TransportError('TRANSPORT_OPTION_CONFLICT', `rabbitmq(): ${text}`, { driver: 'rabbitmq' });
const invalid = (name: string, text: string): TransportError =>
  new TransportError('TRANSPORT_OPTION_INVALID', `rabbitmq(): ${name} ${text}.`, { driver: 'rabbitmq' });
