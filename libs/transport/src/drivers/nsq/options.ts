import { TransportError, type TlsOptions } from '../../contract/index.js';
import { checkOptions, option, withDefaults, type OptionRule } from '../../shared/index.js';
import { checkTls, isHalfCertificate, tlsRule } from '../kit/tls.js';

/** TLS settings. The certificate chain and the host name are always verified. Certificates and keys are PEM texts. */
export type NsqTlsOptions = TlsOptions;

/** The format of a message on NSQ, which has bodies but no headers. */
export type NsqEnvelope = 'cloudevents' | 'none';

/** The compression of connections to nsqd. */
export type NsqCompression = 'none' | 'snappy' | 'deflate';

/** Options of `nsq()`. `nsqd` or `lookupd` is required; unknown names are rejected. */
export interface NsqOptions {
  /**
   * Addresses of nsqd, `host:port`: published to in turn, and consumed from. If set, no other nsqd is published to.
   * `nsqd` or `lookupd` is required. @default those that nsqlookupd knows
   */
  readonly nsqd?: readonly string[];
  /**
   * Addresses of nsqlookupd over HTTP, `http://host:4161`, to find more nsqd to consume from; without `nsqd` also those
   * to publish to. @default none
   */
  readonly lookupd?: readonly string[];
  /** Time between queries of nsqlookupd, with a jitter of a sixth. @default 10000 */
  readonly lookupIntervalMs?: number;
  /** Name of the client in `/stats` of nsqd. @default the service's name */
  readonly clientId?: string;
  /**
   * Encrypts connections and always verifies certificates, TLS 1.2 or later. `true` trusts the system's certificate
   * authorities. @default no encryption
   */
  readonly tls?: true | NsqTlsOptions;
  /** Secret for AUTH, sent if nsqd requires it. @default no login */
  readonly authSecret?: string;
  /** Allows the secret without TLS to another machine. It is then readable on the network. @default false */
  readonly allowPlainWithoutTls?: boolean;
  /** Compression of connections. `'snappy'` needs the package `snappy`. @default 'none' */
  readonly compression?: NsqCompression;
  /**
   * `'cloudevents'` wraps the body in a CloudEvent with id, key and headers; other bodies are read as they are.
   * `'none'` publishes the body alone: keys and headers are rejected. @default 'cloudevents'
   */
  readonly envelope?: NsqEnvelope;
  /** How long a connection may take to open, handshake included. @default 5000 */
  readonly connectionTimeoutMs?: number;
  /** How long the client waits for the response to a command. @default 10000 */
  readonly requestTimeoutMs?: number;
  /** Time between heartbeats of nsqd. After two and a half without one, nsqd counts as dead. @default 10000 */
  readonly heartbeatIntervalMs?: number;
  /**
   * nsqd delivers the messages of a killed or blocked process to another after this time; at most its
   * `-max-msg-timeout`. Extended while handlers run. @default 30000
   */
  readonly messageTimeoutMs?: number;
  /** How long nsqd may collect messages before it sends them. 0 sends each at once, which costs nsqd more. @default 25 */
  readonly outputBufferMs?: number;
  /** Maximum size of a message, envelope included; the server's `-max-msg-size`. @default 1048576 */
  readonly maxMessageBytes?: number;
  /** Maximum size of an MPUB; the server's `-max-body-size`. @default 5242880 */
  readonly maxRequestBytes?: number;
  /** Longest delay of a retry: longer ones are shortened, a longer `retry.redeliveryDelaysMs` is rejected. The server's `-max-req-timeout`. @default 3600000 */
  readonly maxRequeueDelayMs?: number;
}

/** Defaults of `nsq()`. `clientId` defaults to the service's name. */
export const NSQ_DEFAULTS = {
  lookupIntervalMs: 10_000,
  allowPlainWithoutTls: false,
  compression: 'none',
  envelope: 'cloudevents',
  connectionTimeoutMs: 5_000,
  requestTimeoutMs: 10_000,
  heartbeatIntervalMs: 10_000,
  messageTimeoutMs: 30_000,
  outputBufferMs: 25,
  maxMessageBytes: 1_048_576,
  maxRequestBytes: 5_242_880,
  maxRequeueDelayMs: 3_600_000,
} as const satisfies Partial<NsqOptions>;

/** The checked options, with every default filled in. */
export type ResolvedNsqOptions = Omit<NsqOptions, keyof typeof NSQ_DEFAULTS> &
  Required<Pick<NsqOptions, keyof typeof NSQ_DEFAULTS>>;

const exactly = (expected: string, accepts: (value: unknown) => boolean): OptionRule => ({ expected, accepts });

const ADDRESS = /^(\[[0-9a-fA-F:.]+\]|[^\s:/[\]]+):\d{1,5}$/;
const isHttpUrl = (text: string): boolean => URL.canParse(text) && /^https?:$/.test(new URL(text).protocol);
const RULES = {
  nsqd: option.list('addresses "host:port"', (item) => ADDRESS.test(item)),
  lookupd: option.list('addresses "http://host:port"', isHttpUrl),
  lookupIntervalMs: option.integer(100),
  clientId: option.text,
  tls: tlsRule,
  // A line break would end the command, and the rest of the secret would be read as the next one.
  authSecret: exactly(
    'a text that is not empty and has no line break',
    (value) => typeof value === 'string' && /^[^\r\n]+$/.test(value),
  ),
  allowPlainWithoutTls: option.flag,
  compression: option.oneOf('none', 'snappy', 'deflate'),
  envelope: option.oneOf('cloudevents', 'none'),
  connectionTimeoutMs: option.integer(1),
  requestTimeoutMs: option.integer(1),
  heartbeatIntervalMs: option.integer(1_000),
  messageTimeoutMs: option.integer(1_000),
  outputBufferMs: option.either(option.oneOf(0), option.integer(25)),
  maxMessageBytes: option.integer(1),
  maxRequestBytes: option.integer(1),
  maxRequeueDelayMs: option.integer(0),
} as const satisfies Record<keyof NsqOptions, OptionRule>;

/**
 * Fills in the defaults and rejects options that are wrong, unknown or contradictory.
 * @throws TransportError `TRANSPORT_OPTION_UNKNOWN`, `TRANSPORT_OPTION_INVALID`, `TRANSPORT_OPTION_CONFLICT`
 */
export function resolveNsqOptions(options: NsqOptions): ResolvedNsqOptions {
  checkOptions('nsq()', options, RULES);
  if (options.nsqd === undefined && options.lookupd === undefined) {
    throw new TransportError(
      'TRANSPORT_OPTION_INVALID',
      "nsq(): nsqd or lookupd is required, for example nsq({ nsqd: ['localhost:4150'] }).",
      { driver: 'nsq' },
    );
  }
  checkTls('nsq()', options.tls);
  const resolved = withDefaults(options, NSQ_DEFAULTS) as ResolvedNsqOptions;
  refuseConflicts(resolved);
  return resolved;
}

function refuseConflicts(options: ResolvedNsqOptions): void {
  const { tls, maxMessageBytes, maxRequestBytes } = options;
  if (isHalfCertificate(tls)) {
    throw conflict('tls.cert and tls.key must be set together; one of them is missing.');
  }
  if (maxMessageBytes + REQUEST_OVERHEAD_BYTES > maxRequestBytes) {
    throw conflict(
      `maxMessageBytes (${maxMessageBytes}) must be at least ${REQUEST_OVERHEAD_BYTES} below maxRequestBytes (${maxRequestBytes}), or the largest message does not fit into a request.`,
    );
  }
  refuseSecretInTheClear(options);
}

/** Bytes that a request of one message has in addition to the message. */
const REQUEST_OVERHEAD_BYTES = 8;

function refuseSecretInTheClear({ authSecret, tls, allowPlainWithoutTls, nsqd, lookupd }: ResolvedNsqOptions): void {
  if (authSecret === undefined || tls !== undefined || allowPlainWithoutTls) return;
  const hosts = [...(nsqd ?? []), ...(lookupd ?? []).map((url) => new URL(url).host)];
  const remote = hosts.find((address) => !isLoopback(address));
  if (remote === undefined) return;
  throw conflict(
    `authSecret would be sent unencrypted to ${remote}. Add tls: true, or set allowPlainWithoutTls: true.`,
  );
}

function isLoopback(address: string): boolean {
  const host = address.replace(/:\d+$/, '').replace(/^\[|\]$/g, '');
  return host === 'localhost' || host === '::1' || /^127(\.\d{1,3}){3}$/.test(host);
}

const conflict = (text: string): TransportError =>
  new TransportError('TRANSPORT_OPTION_CONFLICT', `nsq(): ${text}`, { driver: 'nsq' });
