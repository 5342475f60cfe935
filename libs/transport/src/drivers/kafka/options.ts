import { TransportError, type TlsOptions } from '../../contract/index.js';
import { checkOptions, option, withDefaults, type OptionRule } from '../../shared/index.js';
import { checkTls, isHalfCertificate, tlsRule } from '../kit/tls.js';

/** Configures the SASL login. */
export interface KafkaSaslOptions {
  /** Selects the SASL mechanism. PLAIN sends the password unencrypted unless TLS is on: see `allowPlainWithoutTls`. */
  readonly mechanism: 'plain' | 'scram-sha-256' | 'scram-sha-512';
  /** Names the user to log in as. */
  readonly username: string;
  /** Authenticates the user. It is never written to logs or errors. */
  readonly password: string;
}

/** Configures TLS. Certificate chain and host name are always verified; certificates and keys are PEM. */
export type KafkaTlsOptions = TlsOptions;

/** Configures the topics that the driver creates. */
export interface KafkaProvisionOptions {
  /** Sets the number of partitions. @default the broker's own (`num.partitions`) */
  readonly partitions?: number;
  /** Sets the number of replicas of each partition. @default the broker's own (`default.replication.factor`) */
  readonly replicationFactor?: number;
  /** Sets topic configs under Kafka's names: `{ 'retention.ms': '86400000' }`. */
  readonly config?: Readonly<Record<string, string>>;
}

/** Selects the compression of record batches, on the wire and on the broker. */
export type KafkaCompression = 'none' | 'gzip' | 'snappy' | 'lz4' | 'zstd';

/** Configures `kafka()`. Only `brokers` is required. An unknown option name throws. */
export interface KafkaOptions {
  /** Bootstrap addresses, `host:port`. The client finds the other brokers of the cluster. */
  readonly brokers: readonly string[];
  /** Client name in the broker's logs and quotas. @default the service's name */
  readonly clientId?: string;
  /**
   * Encrypts connections and always verifies certificates, TLS 1.2 or later. `true` trusts the system's certificate
   * authorities. @default no encryption
   */
  readonly tls?: true | KafkaTlsOptions;
  /** Login. @default no login */
  readonly sasl?: KafkaSaslOptions;
  /** Allows SASL PLAIN without TLS to another machine. The password is then readable on the network. @default false */
  readonly allowPlainWithoutTls?: boolean;
  /**
   * When a publish is confirmed: by all in-sync replicas, or by the leader only, whose loss can lose the message.
   * @default 'all'
   */
  readonly acks?: 'all' | 'leader';
  /**
   * The broker removes duplicates that retries within the client create. Requires `acks: 'all'`. @default true with
   * `acks: 'all'`
   */
  readonly idempotent?: boolean;
  /**
   * Compression of produce requests. snappy needs the package `snappy`, lz4 `lz4-napi`, zstd `@bokuweb/zstd-wasm`;
   * consumers need them too. @default 'none'
   */
  readonly compression?: KafkaCompression;
  /** `'key'` is the partitioner of Kafka's Java client. `'round-robin'` ignores keys, so their order is lost. @default 'key' */
  readonly partitioner?: 'key' | 'round-robin';
  /** How long a connection may take to open. @default 5000 */
  readonly connectionTimeoutMs?: number;
  /** How long the client waits for the response to a request. @default 30000 */
  readonly requestTimeoutMs?: number;
  /** A member without a heartbeat for this time loses its partitions. @default 30000 */
  readonly sessionTimeoutMs?: number;
  /** Time between heartbeats; at most a third of `sessionTimeoutMs`. @default 1000 */
  readonly heartbeatIntervalMs?: number;
  /** How long members may take to join a rebalance. @default 60000 */
  readonly rebalanceTimeoutMs?: number;
  /**
   * How long a rebalance waits for running handlers, so that no other member repeats their work; at most 0.6 of
   * `sessionTimeoutMs` and of `rebalanceTimeoutMs`. @default 10000
   */
  readonly revokeWaitMs?: number;
  /** Maximum age of metadata: new partitions are found within this time. @default 30000 */
  readonly metadataMaxAgeMs?: number;
  /** A fetch waits for this many bytes, or for `maxWaitMs`. @default 1 */
  readonly minBytes?: number;
  /** Maximum bytes of a fetch per partition. @default 1048576 */
  readonly maxBytesPerPartition?: number;
  /** Maximum bytes of a fetch. @default 10485760 */
  readonly maxBytes?: number;
  /** How long a fetch waits for `minBytes`. @default 250 */
  readonly maxWaitMs?: number;
  /**
   * Messages of a group in this process that may be handled and not committed: the most that a SIGKILL repeats. A
   * partition stalls when this many messages wait behind an unsettled one. @default 5000
   */
  readonly maxUncommitted?: number;
  /** Time between commits. A commit also happens at half of `maxUncommitted`. @default 250 */
  readonly commitIntervalMs?: number;
  /** Maximum size of a message: key, body and headers. The topic's `max.message.bytes` must allow it. @default 1000000 */
  readonly maxMessageBytes?: number;
  /** Creates missing topics; `{}` uses the broker's defaults. With `false` a missing topic fails the start. @default false */
  readonly provision?: false | KafkaProvisionOptions;
}

/** Lists the default of each option. The defaults of `clientId` and `idempotent` depend on other settings. */
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

/** Kafka's default for `max.message.bytes`, which includes the frame of the batch. */
export const BROKER_MAX_BYTES = 1_048_588;

/** Checked, with every default filled in. */
export type ResolvedKafkaOptions = Omit<KafkaOptions, keyof typeof KAFKA_DEFAULTS | 'idempotent'> &
  Required<Pick<KafkaOptions, keyof typeof KAFKA_DEFAULTS | 'idempotent'>>;

const exactly = (expected: string, accepts: (value: unknown) => boolean): OptionRule => ({ expected, accepts });

const ADDRESS = /^(\[[0-9a-fA-F:.]+\]|[^\s:/[\],]+):\d{1,5}$/;
const addresses = option.list('addresses "host:port" or "[::1]:port"', (item) => ADDRESS.test(item));
const RULES = {
  brokers: addresses,
  clientId: option.text,
  tls: tlsRule,
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

const SASL_RULES = {
  mechanism: option.oneOf('plain', 'scram-sha-256', 'scram-sha-512'),
  username: option.text,
  // Not option.text, because its error would print the password.
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
 * Applies the defaults and rejects invalid, unknown or contradictory options.
 * @throws TransportError `TRANSPORT_OPTION_UNKNOWN`, `TRANSPORT_OPTION_INVALID`, `TRANSPORT_OPTION_CONFLICT`
 */
export function resolveKafkaOptions(options: KafkaOptions): ResolvedKafkaOptions {
  checkOptions('kafka()', options, RULES);
  if (options.brokers === undefined) throw invalid('brokers', `must be ${addresses.expected}, got nothing`);
  checkTls('kafka()', options.tls);
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
    throw conflict(`idempotent: true requires acks: 'all', got '${acks}'. Remove one of the two.`);
  }
  if (heartbeatIntervalMs * 3 > sessionTimeoutMs) {
    throw conflict(
      `heartbeatIntervalMs (${heartbeatIntervalMs}) must be at most a third of sessionTimeoutMs (${sessionTimeoutMs}). Otherwise one late heartbeat loses all partitions.`,
    );
  }
  if (isHalfCertificate(tls)) {
    throw conflict('tls.cert and tls.key must be set together; one of them is missing.');
  }
  refusePlainInTheClear(options);
}

function refusePlainInTheClear({ sasl, tls, allowPlainWithoutTls, brokers }: ResolvedKafkaOptions): void {
  if (sasl?.mechanism !== 'plain' || tls !== undefined || allowPlainWithoutTls) return;
  const remote = brokers.find((broker) => !isLoopback(broker));
  if (remote === undefined) return;
  throw conflict(
    `sasl mechanism 'plain' would send the password unencrypted to ${remote}. Set tls: true, use 'scram-sha-512', or set allowPlainWithoutTls: true.`,
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
