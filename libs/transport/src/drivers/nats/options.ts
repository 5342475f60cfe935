import { TransportError } from '../../contract/index.js';
import { checkOptions, option, withDefaults, type OptionRule } from '../../shared/index.js';
import { checkTls, isHalfCertificate, TLS_RULES, tlsRule, type TlsOptions } from '../kit/tls.js';

/** How to log in: one of the four. */
export type NatsAuthOptions =
  | {
      /** With `password`. */
      readonly user: string;
      /** Sent as it is: without TLS it can be read on the way. */
      readonly password: string;
    }
  | {
      /** Sent as it is: without TLS it can be read on the way. */
      readonly token: string;
    }
  | {
      /** The seed of an nkey (`SU...`); it signs the server's challenge and is never sent. */
      readonly nkeySeed: string;
    }
  | {
      /** The content of a `.creds` file (a JWT and a seed), not its path. */
      readonly credentials: string;
    };

/** An encrypted connection; certificate chain and host name are always verified. Certificates and keys are PEM texts. */
export interface NatsTlsOptions extends TlsOptions {
  /** The handshake comes before the server's greeting (`handshake_first` of the server). @default false */
  readonly handshakeFirst?: boolean;
}

/** What streams are created with, where the driver is asked to: one per topic that no stream holds yet. */
export interface NatsProvisionOptions {
  /** Servers that keep a copy of each message, 1 to 5. @default 3 on a cluster of three or more servers, else 1 */
  readonly replicas?: number;
  /** @default 'file' */
  readonly storage?: 'file' | 'memory';
  /** Messages older than this are deleted, handled or not. @default never */
  readonly maxAgeMs?: number;
  /** The oldest messages are deleted above this size. @default without bound */
  readonly maxBytes?: number;
  /** How long the server recognises a message that is published again by its id. @default 120000 */
  readonly duplicateWindowMs?: number;
}

/** `'jetstream'`: kept in streams, settled, redelivered. `'core'`: at most once, for whoever listens in that moment. */
export type NatsMode = 'jetstream' | 'core';

/** What `nats()` is told. Only `servers` is required; a name that is not here is refused. */
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

/** Room for what NATS writes around the headers of a message: its version line, and the names of our own. */
const HEADER_ROOM_BYTES = 64;
/** The server's own default of `max_payload`. */
const SERVER_MAX_PAYLOAD = 1_048_576;

/** What fits beside the headers' frame where the server takes `maxPayload`. */
export const largestMessage = (maxPayload: number): number => maxPayload - HEADER_ROOM_BYTES;

/** What an option is when it is left out; `clientName` follows from the service, `consumerName` from group and topic. */
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

/** Checked, with every default filled in. */
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

/** Only a broker that keeps messages can do anything with these. */
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
 * Fills in the defaults and refuses what is wrong, unknown or contradictory.
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
  throw invalid('auth', 'takes { user, password }, { token }, { nkeySeed } or { credentials }, and one of them only');
}

function refuseConflicts(given: NatsOptions, options: ResolvedNatsOptions): void {
  const { mode, tls } = options;
  const useless = JETSTREAM_ONLY.find((name) => given[name] !== undefined && given[name] !== false);
  if (mode === 'core' && useless !== undefined) {
    throw conflict(`${useless} is of JetStream, and mode: 'core' has none. Remove one of the two.`);
  }
  if (mode === 'jetstream' && given.maxBuffered !== undefined) {
    throw conflict("maxBuffered is of mode: 'core'; JetStream keeps what waits on the server. Remove it.");
  }
  if (isHalfCertificate(tls)) {
    throw conflict('tls.cert and tls.key come together; one of them is missing.');
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
    `auth would send the ${what} readably to ${remote}. Add tls: true, use an nkeySeed or credentials, or say allowPlainWithoutTls: true.`,
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
