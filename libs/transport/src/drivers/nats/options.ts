import { TransportError, type TlsOptions } from '../../contract/index.js';
import { checkOptions, option, withDefaults, type OptionRule } from '../../shared/index.js';
import { checkTls, isHalfCertificate, TLS_RULES, tlsRule } from '../kit/tls.js';

/** Credentials: exactly one of the four forms. */
export type NatsAuthOptions =
  | {
      /** Used together with `password`. */
      readonly user: string;
      /** Sent as plain text, so use TLS. */
      readonly password: string;
    }
  | {
      /** Sent as plain text, so use TLS. */
      readonly token: string;
    }
  | {
      /** The seed of an nkey (`SU...`). It signs the server's challenge and is never sent. */
      readonly nkeySeed: string;
    }
  | {
      /** The content of a `.creds` file (a JWT and a seed), not its path. */
      readonly credentials: string;
    };

/** TLS settings. The certificate chain and the host name are always verified. Certificates and keys are PEM texts. */
export interface NatsTlsOptions extends TlsOptions {
  /** Starts the TLS handshake before the server's greeting (`handshake_first` of the server). @default false */
  readonly handshakeFirst?: boolean;
}

/** Settings of the streams that the driver creates: one for each topic that no stream holds yet. */
export interface NatsProvisionOptions {
  /** Number of servers that store each message, 1 to 5. @default 3 on a cluster of three or more servers, else 1 */
  readonly replicas?: number;
  /** Where the server stores the messages of the stream. @default 'file' */
  readonly storage?: 'file' | 'memory';
  /** Milliseconds after which messages are deleted, even if they were not handled. @default never */
  readonly maxAgeMs?: number;
  /** Bytes above which the oldest messages are deleted. @default no limit */
  readonly maxBytes?: number;
  /** Milliseconds for which the server detects a message that is published again with the same id. @default 120000 */
  readonly duplicateWindowMs?: number;
}

/**
 * `'jetstream'` stores messages in streams, with acks and redelivery. `'core'` delivers at most once, to those who are subscribed
 * at that moment.
 */
export type NatsMode = 'jetstream' | 'core';

/** Options of `nats()`. Only `servers` is required; unknown names are rejected. */
export interface NatsOptions {
  /** Addresses, `host:port` or `nats://host:port`. The client finds the other servers of the cluster. */
  readonly servers: readonly string[];
  /**
   * `'jetstream'` stores messages and delivers them at least once. `'core'` stores nothing and delivers at most once.
   * @default 'jetstream'
   */
  readonly mode?: NatsMode;
  /** Name of the connection in the server's logs and monitoring. @default the service's name */
  readonly clientName?: string;
  /**
   * Encrypts connections and always verifies certificates, TLS 1.2 or later. `true` trusts the system's certificate
   * authorities. @default no encryption, unless the server requires it
   */
  readonly tls?: true | NatsTlsOptions;
  /** Login. `credentials` is the content of a `.creds` file. @default no login */
  readonly auth?: NatsAuthOptions;
  /** Allows a password or token without TLS to another machine. It is then readable on the network. @default false */
  readonly allowPlainWithoutTls?: boolean;
  /**
   * Prefix of reply subjects, for users who may not use `_INBOX`. Start it with `_INBOX` (`_INBOX_shop`): services with
   * another prefix reply only to such requests. @default '_INBOX'
   */
  readonly inboxPrefix?: string;
  /** JetStream domain, on leaf nodes. @default none */
  readonly domain?: string;
  /**
   * Creates missing streams, and enables delayed delivery on streams; `{}` creates one file stream per topic. JetStream
   * only. @default false
   */
  readonly provision?: false | NatsProvisionOptions;
  /**
   * `'create'` creates a durable consumer per topic and group. `'bind'` uses existing ones and changes none. JetStream
   * only. @default 'create'
   */
  readonly consumers?: 'create' | 'bind';
  /**
   * Returns the name of a subscription's durable consumer; `undefined` means the default name. JetStream only. @default
   * `<group>-<topic>`
   */
  readonly consumerName?: (subscription: { readonly group: string; readonly topic: string }) => string | undefined;
  /**
   * One member of a group is active, the others wait: the order of a key holds across members. Requires nats-server
   * 2.11. JetStream only. @default false
   */
  readonly singleActiveConsumer?: boolean;
  /**
   * Ack timeout: an unsettled message is delivered to another member after this time. Extended while the message is
   * queued, handled or waits for a retry. At least 1000. JetStream only. @default 30000
   */
  readonly ackWaitMs?: number;
  /**
   * Unsettled messages of a group on a topic, over all members (`max_ack_pending`). Messages that wait for a retry
   * count. JetStream only. @default 5000
   */
  readonly maxUnsettled?: number;
  /** Messages that wait for a handler in this process. More are dropped, with a notice. Core only. @default 10000 */
  readonly maxBuffered?: number;
  /** Maximum size of a message: key, body and headers. A smaller `max_payload` of the server applies. @default 1048512 */
  readonly maxMessageBytes?: number;
  /** How long a connection may take to open. @default 5000 */
  readonly connectionTimeoutMs?: number;
  /** How long a publish or request waits for its response before it is repeated. @default 5000 */
  readonly requestTimeoutMs?: number;
  /** Time between pings. A server that does not answer two in a row counts as lost. @default 10000 */
  readonly pingIntervalMs?: number;
}

/** Bytes reserved for what NATS writes around the headers: its version line, and the names of our own headers. */
const HEADER_ROOM_BYTES = 64;
/** The server's own default of `max_payload`. */
const SERVER_MAX_PAYLOAD = 1_048_576;

/** Returns the largest message for a server with this `max_payload`. */
export const largestMessage = (maxPayload: number): number => maxPayload - HEADER_ROOM_BYTES;

/** Defaults of `nats()`. `clientName` defaults to the service's name, `consumerName` to a name made of group and topic. */
export const NATS_DEFAULTS = {
  mode: 'jetstream',
  allowPlainWithoutTls: false,
  inboxPrefix: '_INBOX',
  provision: false,
  consumers: 'create',
  singleActiveConsumer: false,
  ackWaitMs: 30_000,
  maxUnsettled: 5_000,
  maxBuffered: 10_000,
  maxMessageBytes: SERVER_MAX_PAYLOAD - HEADER_ROOM_BYTES,
  connectionTimeoutMs: 5_000,
  requestTimeoutMs: 5_000,
  pingIntervalMs: 10_000,
} as const satisfies Partial<NatsOptions>;

/** The checked options, with every default filled in. */
export type ResolvedNatsOptions = Omit<NatsOptions, keyof typeof NATS_DEFAULTS> &
  Required<Pick<NatsOptions, keyof typeof NATS_DEFAULTS>>;

const exactly = (expected: string, accepts: (value: unknown) => boolean): OptionRule => ({ expected, accepts });

const ADDRESS = /^(nats:\/\/)?(\[[0-9a-fA-F:.]+\]|[^\s:/@[\]]+):\d{1,5}$/;
const addresses = option.list('addresses "host:port", without user or password in them', (item) => ADDRESS.test(item));
const RULES = {
  servers: addresses,
  mode: option.oneOf('jetstream', 'core'),
  clientName: option.text,
  tls: tlsRule,
  auth: option.record,
  allowPlainWithoutTls: option.flag,
  inboxPrefix: exactly(
    'words separated by dots, without wildcards',
    (value) => typeof value === 'string' && /^[^\s.*>]+(\.[^\s.*>]+)*$/.test(value),
  ),
  domain: option.text,
  provision: exactly('false or an object', (value) => value === false || option.record.accepts(value)),
  consumers: option.oneOf('create', 'bind'),
  consumerName: option.fn,
  singleActiveConsumer: option.flag,
  ackWaitMs: option.integer(1_000),
  maxUnsettled: option.integer(1),
  maxBuffered: option.integer(1),
  maxMessageBytes: option.integer(1),
  connectionTimeoutMs: option.integer(1),
  requestTimeoutMs: option.integer(1),
  pingIntervalMs: option.integer(100),
} as const satisfies Record<keyof NatsOptions, OptionRule>;

const NATS_TLS_RULES = {
  ...TLS_RULES,
  handshakeFirst: option.flag,
} as const satisfies Record<keyof NatsTlsOptions, OptionRule>;

const AUTH_RULES = {
  user: option.text,
  password: option.text,
  token: option.text,
  nkeySeed: option.text,
  credentials: option.text,
} as const;

const PROVISION_RULES = {
  replicas: option.integer(1, 5),
  storage: option.oneOf('file', 'memory'),
  maxAgeMs: option.integer(100),
  maxBytes: option.integer(1),
  duplicateWindowMs: option.integer(100),
} as const satisfies Record<keyof NatsProvisionOptions, OptionRule>;

/** These options have no effect without stored messages. */
const JETSTREAM_ONLY = [
  'domain',
  'provision',
  'consumers',
  'consumerName',
  'singleActiveConsumer',
  'ackWaitMs',
  'maxUnsettled',
] as const satisfies (keyof NatsOptions)[];

/**
 * Fills in the defaults and rejects options that are wrong, unknown or contradictory.
 * @throws TransportError `TRANSPORT_OPTION_UNKNOWN`, `TRANSPORT_OPTION_INVALID`, `TRANSPORT_OPTION_CONFLICT`
 */
export function resolveNatsOptions(options: NatsOptions): ResolvedNatsOptions {
  checkOptions('nats()', options, RULES);
  if (options.servers === undefined) throw invalid('servers', `must be ${addresses.expected}, got nothing`);
  checkTls('nats()', options.tls, NATS_TLS_RULES);
  if (options.auth !== undefined) checkAuth(options.auth);
  if (options.provision) checkOptions('nats() provision', options.provision, PROVISION_RULES);
  const servers = options.servers.map((server) => server.replace(/^nats:\/\//, ''));
  const resolved = withDefaults({ ...options, servers }, NATS_DEFAULTS) as ResolvedNatsOptions;
  refuseConflicts(options, resolved);
  return resolved;
}

function checkAuth(auth: NatsAuthOptions): void {
  checkOptions('nats() auth', auth, AUTH_RULES);
  const given = Object.entries(auth).filter(([, value]) => value !== undefined);
  const names = given.map(([name]) => name).sort();
  if (['password user', 'token', 'nkeySeed', 'credentials'].includes(names.join(' '))) return;
  throw invalid('auth', 'must be exactly one of { user, password }, { token }, { nkeySeed } and { credentials }');
}

function refuseConflicts(given: NatsOptions, options: ResolvedNatsOptions): void {
  const { mode, tls } = options;
  const useless = JETSTREAM_ONLY.find((name) => given[name] !== undefined && given[name] !== false);
  if (mode === 'core' && useless !== undefined) {
    throw conflict(`${useless} needs JetStream, which mode: 'core' does not use. Remove one of the two.`);
  }
  if (mode === 'jetstream' && given.maxBuffered !== undefined) {
    throw conflict("maxBuffered needs mode: 'core'; with JetStream, waiting messages stay on the server. Remove it.");
  }
  if (isHalfCertificate(tls)) {
    throw conflict('tls.cert and tls.key must be set together; one of them is missing.');
  }
  refuseSecretsInTheClear(options);
}

function refuseSecretsInTheClear({ auth, tls, allowPlainWithoutTls, servers }: ResolvedNatsOptions): void {
  const readable = auth !== undefined && ('user' in auth || 'token' in auth);
  if (!readable || tls !== undefined || allowPlainWithoutTls) return;
  const remote = servers.find((server) => !isLoopback(server));
  if (remote === undefined) return;
  const what = 'user' in auth ? 'password' : 'token';
  throw conflict(
    `auth would send the ${what} unencrypted to ${remote}. Add tls: true, use an nkeySeed or credentials, or set allowPlainWithoutTls: true.`,
  );
}

function isLoopback(address: string): boolean {
  const host = address.slice(0, address.lastIndexOf(':')).replace(/^\[|\]$/g, '');
  return host === 'localhost' || host === '::1' || /^127(\.\d{1,3}){3}$/.test(host);
}

const conflict = (text: string): TransportError =>
  new TransportError('TRANSPORT_OPTION_CONFLICT', `nats(): ${text}`, { driver: 'nats' });
const invalid = (name: string, text: string): TransportError =>
  new TransportError('TRANSPORT_OPTION_INVALID', `nats(): ${name} ${text}.`, { driver: 'nats' });
