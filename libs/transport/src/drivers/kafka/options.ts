import { TransportError } from '../../contract/index.js';
import { checkOptions, option, withDefaults, type OptionRule } from '../../shared/index.js';

/** How to log in. */
export interface KafkaSaslOptions {
  /** PLAIN sends the password readably: see `allowPlainWithoutTls`. */
  readonly mechanism: 'plain' | 'scram-sha-256' | 'scram-sha-512';
  /** As the broker knows it. */
  readonly username: string;
  /** Never written to logs or errors. */
  readonly password: string;
}

/** An encrypted connection; certificate chain and host name are always verified. Certificates and keys are PEM texts. */
export interface KafkaTlsOptions {
  /** Authorities to trust instead of the system's. */
  readonly ca?: string | Buffer | readonly (string | Buffer)[];
  /** The client's own certificate, where the broker asks for one (mutual TLS). */
  readonly cert?: string | Buffer;
  /** The private key of `cert`. */
  readonly key?: string | Buffer;
  /** Opens `key`. */
  readonly passphrase?: string;
  /** The name to verify, when it is not the host of the address. */
  readonly serverName?: string;
  /** @default 'TLSv1.2' */
  readonly minVersion?: 'TLSv1.2' | 'TLSv1.3';
}

/** What topics are created with, where the driver is asked to. */
export interface KafkaProvisionOptions {
  /** @default the broker's own (`num.partitions`) */
  readonly partitions?: number;
  /** @default the broker's own (`default.replication.factor`) */
  readonly replicationFactor?: number;
  /** Settings of the topic, by Kafka's names: `{ 'retention.ms': '86400000' }`. */
  readonly config?: Readonly<Record<string, string>>;
}

/** How batches are compressed on the wire and on the broker. */
export type KafkaCompression = 'none' | 'gzip' | 'snappy' | 'lz4' | 'zstd';

/** What `kafka()` is told. Only `brokers` is required; a name that is not here is refused. */
export interface KafkaOptions {
  /** Addresses to begin with, `host:port`; the other brokers of the cluster are found by themselves. */
  readonly brokers: readonly string[];
  /** Name of the client in the broker's logs and quotas. @default the service's name */
  readonly clientId?: string;
  /** `true` trusts the system's authorities. @default no encryption */
  readonly tls?: true | KafkaTlsOptions;
  /** @default no login */
  readonly sasl?: KafkaSaslOptions;
  /** PLAIN sends the password readably; without TLS to another machine it is refused unless this says so. @default false */
  readonly allowPlainWithoutTls?: boolean;
  /** When a message counts as stored: on `'all'` in-sync replicas, or on the `'leader'` alone (it may be lost with it). @default 'all' */
  readonly acks?: 'all' | 'leader';
  /** The broker removes duplicates that re-sending within the client would make. Needs `acks: 'all'`. @default true with `acks: 'all'` */
  readonly idempotent?: boolean;
  /** snappy, lz4 and zstd need a package each; reading them needs it too. @default 'none' */
  readonly compression?: KafkaCompression;
  /** `'key'` as Kafka's Java client does it; `'round-robin'` ignores keys, so that their order is lost. @default 'key' */
  readonly partitioner?: 'key' | 'round-robin';
  /** @default 5000 */
  readonly connectionTimeoutMs?: number;
  /** @default 30000 */
  readonly requestTimeoutMs?: number;
  /** A member that was not heard of for so long loses its partitions. @default 30000 */
  readonly sessionTimeoutMs?: number;
  /** At most a third of `sessionTimeoutMs`. @default 1000 */
  readonly heartbeatIntervalMs?: number;
  /** How long members have to join when the group changes. @default 60000 */
  readonly rebalanceTimeoutMs?: number;
  /** How long running handlers may delay a change of the group, so that nobody repeats their work. @default 10000 */
  readonly revokeWaitMs?: number;
  /** New partitions are noticed within this time. @default 30000 */
  readonly metadataMaxAgeMs?: number;
  /** A fetch waits until there is so much, or `maxWaitMs` is over. @default 1 */
  readonly minBytes?: number;
  /** @default 1048576 */
  readonly maxBytesPerPartition?: number;
  /** @default 10485760 */
  readonly maxBytes?: number;
  /** @default 250 */
  readonly maxWaitMs?: number;
  /** Messages of a group that may be done and not committed: the most that a SIGKILL repeats. Also how far one partition goes on past a message that is not settled. @default 5000 */
  readonly maxUncommitted?: number;
  /** @default 250 */
  readonly commitIntervalMs?: number;
  /** Largest message (key, body and headers); the topic's own `max.message.bytes` must allow it. @default 1000000 */
  readonly maxMessageBytes?: number;
  /** Creates missing topics; `false` refuses to start without them. @default false */
  readonly provision?: false | KafkaProvisionOptions;
}

/** What an option is when it is left out; `clientId` and `idempotent` follow from other things. */
export const KAFKA_DEFAULTS = {
  allowPlainWithoutTls: false,
  acks: 'all',
  compression: 'none',
  partitioner: 'key',
  connectionTimeoutMs: 5_000,
  requestTimeoutMs: 30_000,
  sessionTimeoutMs: 30_000,
  heartbeatIntervalMs: 1_000,
  rebalanceTimeoutMs: 60_000,
  revokeWaitMs: 10_000,
  metadataMaxAgeMs: 30_000,
  minBytes: 1,
  maxBytesPerPartition: 1_048_576,
  maxBytes: 10_485_760,
  maxWaitMs: 250,
  maxUncommitted: 5_000,
  commitIntervalMs: 250,
  maxMessageBytes: 1_000_000,
  provision: false,
} as const satisfies Partial<KafkaOptions>;

/** Kafka's own default bound of a stored batch (`max.message.bytes`), its frame included. */
export const BROKER_MAX_BYTES = 1_048_588;

/** Checked, with every default filled in. */
export type ResolvedKafkaOptions = Omit<KafkaOptions, keyof typeof KAFKA_DEFAULTS | 'idempotent'> &
  Required<Pick<KafkaOptions, keyof typeof KAFKA_DEFAULTS | 'idempotent'>>;

const exactly = (expected: string, accepts: (value: unknown) => boolean): OptionRule => ({ expected, accepts });

const ADDRESS = /^(\[[0-9a-fA-F:.]+\]|[^\s:/[\],]+):\d{1,5}$/;
const addresses = option.list('addresses "host:port" or "[::1]:port"', (item) => ADDRESS.test(item));
const pem = exactly('a PEM text or a Buffer', (value) => typeof value === 'string' || Buffer.isBuffer(value));
const pems = exactly(
  'a PEM text, a Buffer, or an array of them',
  (value) => pem.accepts(value) || (Array.isArray(value) && value.every(pem.accepts)),
);

const RULES = {
  brokers: addresses,
  clientId: option.text,
  tls: exactly('true or an object', (value) => value === true || option.record.accepts(value)),
  sasl: option.record,
  allowPlainWithoutTls: option.flag,
  acks: option.oneOf('all', 'leader'),
  idempotent: option.flag,
  compression: option.oneOf('none', 'gzip', 'snappy', 'lz4', 'zstd'),
  partitioner: option.oneOf('key', 'round-robin'),
  connectionTimeoutMs: option.integer(1),
  requestTimeoutMs: option.integer(1),
  sessionTimeoutMs: option.integer(1),
  heartbeatIntervalMs: option.integer(1),
  rebalanceTimeoutMs: option.integer(1),
  revokeWaitMs: option.integer(0),
  metadataMaxAgeMs: option.integer(1),
  minBytes: option.integer(1),
  maxBytesPerPartition: option.integer(1),
  maxBytes: option.integer(1),
  maxWaitMs: option.integer(1),
  maxUncommitted: option.integer(1),
  commitIntervalMs: option.integer(1),
  maxMessageBytes: option.integer(1),
  provision: exactly('false or an object', (value) => value === false || option.record.accepts(value)),
} as const satisfies Record<keyof KafkaOptions, OptionRule>;

const TLS_RULES = {
  ca: pems,
  cert: pem,
  key: pem,
  passphrase: option.text,
  serverName: option.text,
  minVersion: option.oneOf('TLSv1.2', 'TLSv1.3'),
} as const satisfies Record<keyof KafkaTlsOptions, OptionRule>;

const SASL_RULES = {
  mechanism: option.oneOf('plain', 'scram-sha-256', 'scram-sha-512'),
  username: option.text,
  // n.b. not option.text: its error would show a wrong value.
  password: exactly('a text that is not empty', () => true),
} as const satisfies Record<keyof KafkaSaslOptions, OptionRule>;

const PROVISION_RULES = {
  partitions: option.integer(1),
  replicationFactor: option.integer(1, 32_767),
  config: exactly(
    'an object of texts',
    (value) => option.record.accepts(value) && Object.values(value as object).every((item) => typeof item === 'string'),
  ),
} as const satisfies Record<keyof KafkaProvisionOptions, OptionRule>;

/**
 * Fills in the defaults and refuses what is wrong, unknown or contradictory.
 * @throws TransportError `TRANSPORT_OPTION_UNKNOWN`, `TRANSPORT_OPTION_INVALID`, `TRANSPORT_OPTION_CONFLICT`
 */
export function resolveKafkaOptions(options: KafkaOptions): ResolvedKafkaOptions {
  checkOptions('kafka()', options, RULES);
  if (options.brokers === undefined) throw invalid('brokers', `must be ${addresses.expected}, got nothing`);
  if (options.tls !== undefined && options.tls !== true) checkOptions('kafka() tls', options.tls, TLS_RULES);
  if (options.sasl !== undefined) checkSasl(options.sasl);
  if (options.provision) checkOptions('kafka() provision', options.provision, PROVISION_RULES);
  const resolved = withDefaults(options, KAFKA_DEFAULTS);
  const complete = { ...resolved, idempotent: options.idempotent ?? resolved.acks === 'all' } as ResolvedKafkaOptions;
  refuseConflicts(complete);
  return complete;
}

function checkSasl(sasl: KafkaSaslOptions): void {
  checkOptions('kafka() sasl', sasl, SASL_RULES);
  for (const name of ['mechanism', 'username', 'password'] as const) {
    if (typeof sasl[name] !== 'string' || sasl[name] === '') {
      throw invalid(
        `sasl.${name}`,
        `must be ${SASL_RULES[name].expected}, got ${sasl[name] === undefined ? 'nothing' : 'something else'}`,
      );
    }
  }
}

function refuseConflicts(options: ResolvedKafkaOptions): void {
  const { acks, idempotent, sessionTimeoutMs, heartbeatIntervalMs, tls } = options;
  if (idempotent && acks !== 'all') {
    throw conflict(`idempotent: true needs acks: 'all', got '${acks}'. Remove one of the two.`);
  }
  if (heartbeatIntervalMs * 3 > sessionTimeoutMs) {
    throw conflict(
      `heartbeatIntervalMs (${heartbeatIntervalMs}) must be at most a third of sessionTimeoutMs (${sessionTimeoutMs}), or one late heartbeat loses all partitions.`,
    );
  }
  if (tls !== undefined && tls !== true && (tls.cert === undefined) !== (tls.key === undefined)) {
    throw conflict('tls.cert and tls.key come together; one of them is missing.');
  }
  refusePlainInTheClear(options);
}

function refusePlainInTheClear({ sasl, tls, allowPlainWithoutTls, brokers }: ResolvedKafkaOptions): void {
  if (sasl?.mechanism !== 'plain' || tls !== undefined || allowPlainWithoutTls) return;
  const remote = brokers.find((broker) => !isLoopback(broker));
  if (remote === undefined) return;
  throw conflict(
    `sasl mechanism 'plain' would send the password readably to ${remote}. Add tls: true, use 'scram-sha-512', or say allowPlainWithoutTls: true.`,
  );
}

function isLoopback(address: string): boolean {
  const host = address.slice(0, address.lastIndexOf(':')).replace(/^\[|\]$/g, '');
  return host === 'localhost' || host === '::1' || /^127(\.\d{1,3}){3}$/.test(host);
}

const conflict = (text: string): TransportError =>
  new TransportError('TRANSPORT_OPTION_CONFLICT', `kafka(): ${text}`, { driver: 'kafka' });
const invalid = (name: string, text: string): TransportError =>
  new TransportError('TRANSPORT_OPTION_INVALID', `kafka(): ${name} ${text}.`, { driver: 'kafka' });
