import { TransportError } from '../../contract/index.js';
import { checkOptions, option, withDefaults, type OptionRule } from '../../shared/index.js';
import { checkTls, isHalfCertificate, tlsRule, type TlsOptions } from '../kit/tls.js';

/** TLS settings. The certificate chain and the host name are always verified. Certificates and keys are PEM texts. */
export type NsqTlsOptions = TlsOptions;

/** The format of a message on NSQ, which has bodies but no headers. */
export type NsqEnvelope = 'cloudevents' | 'none';

/** The compression of connections to nsqd. */
export type NsqCompression = 'none' | 'snappy' | 'deflate';

/** Options of `nsq()`. `nsqd` or `lookupd` is required; unknown names are rejected. */
export interface NsqOptions {
  /**
   * Addresses of nsqd, `host:port`, to publish to in turn and to read from. If set, messages are published to no other nsqd.
   * @default those that nsqlookupd lists
   */
  readonly nsqd?: readonly string[];
  /**
   * HTTP addresses of nsqlookupd, `http://host:4161`, to find more nsqd to read from; without `nsqd`, also those to publish to.
   * @default none
   */
  readonly lookupd?: readonly string[];
  /** Milliseconds between two queries of nsqlookupd, varied by a sixth. @default 10000 */
  readonly lookupIntervalMs?: number;
  /** Name of the client in `/stats` of nsqd. @default the service's name */
  readonly clientId?: string;
  /** TLS settings; `true` trusts the system's certificate authorities. @default no encryption */
  readonly tls?: true | NsqTlsOptions;
  /** Secret for AUTH, sent if nsqd requires it. @default no authentication */
  readonly authSecret?: string;
  /** Allows the secret to be sent without TLS to another machine. @default false */
  readonly allowPlainWithoutTls?: boolean;
  /** Compression of the connections. `'snappy'` needs the package `snappy`. @default 'none' */
  readonly compression?: NsqCompression;
  /**
   * `'cloudevents'` wraps the body in a CloudEvent with id, key and headers; a received body that is not a CloudEvent is used as it
   * is. `'none'` sends the bare body and rejects keys and headers.
   * @default 'cloudevents'
   */
  readonly envelope?: NsqEnvelope;
  /** Milliseconds from dialling to the end of the handshake. @default 5000 */
  readonly connectionTimeoutMs?: number;
  /** Milliseconds to wait for the reply to one command. @default 10000 */
  readonly requestTimeoutMs?: number;
  /** Milliseconds between two heartbeats of nsqd. After two and a half intervals of silence it counts as dead. @default 10000 */
  readonly heartbeatIntervalMs?: number;
  /**
   * Milliseconds after which nsqd redelivers the messages of a process that hangs or was killed. The driver extends it for messages
   * in progress.
   * @default 30000
   */
  readonly messageTimeoutMs?: number;
  /** Milliseconds for which nsqd may buffer messages before it sends them; 0 sends each at once, which costs nsqd more. @default 25 */
  readonly outputBufferMs?: number;
  /** Largest message in bytes, including the envelope. Set it to the server's `-max-msg-size`. @default 1048576 */
  readonly maxMessageBytes?: number;
  /** Largest request in bytes. Set it to the server's `-max-body-size`. @default 5242880 */
  readonly maxRequestBytes?: number;
  /**
   * Longest delay of a retry in milliseconds: longer ones are shortened, and a longer `retry.redeliveryDelaysMs` is rejected. Set
   * it to the server's `-max-req-timeout`.
   * @default 3600000
   */
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
