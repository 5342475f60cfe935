import { type Clock } from '../../../contract/index.js';
import { systemClock } from '../../../shared/index.js';

/** TLS settings. The certificate chain and the host name are always verified. */
export interface NsqTlsSettings {
  /** Certificate authorities to trust instead of the system's, as PEM. */
  readonly ca?: string | Buffer | readonly (string | Buffer)[];
  /** The client's certificate for mutual TLS, as PEM. */
  readonly cert?: string | Buffer;
  /** The private key of `cert`, as PEM. */
  readonly key?: string | Buffer;
  /** The passphrase of `key`. */
  readonly passphrase?: string;
  /** The host name to verify, if it differs from the host of the address. */
  readonly serverName?: string;
  /** The lowest accepted TLS version. @default 'TLSv1.2' */
  readonly minVersion?: 'TLSv1.2' | 'TLSv1.3';
}

/** Options that producers and consumers share. Times are milliseconds, sizes are bytes. */
export interface NsqClientOptions {
  /** Name of the client in `/stats` of nsqd. @default 'nest-transport' */
  readonly clientId?: string;
  /** TLS settings; `true` trusts the system's certificate authorities. @default no encryption */
  readonly tls?: true | NsqTlsSettings;
  /** Secret for AUTH, sent if nsqd requires it. Without `tls` it is sent as plain text. */
  readonly authSecret?: string;
  /** Compression of the connection. `'snappy'` needs the package `snappy`. @default 'none' */
  readonly compression?: 'none' | 'snappy' | 'deflate';
  /** Milliseconds from dialling to the end of the handshake. @default 5000 */
  readonly connectionTimeoutMs?: number;
  /** Milliseconds to wait for the reply to one command. @default 10000 */
  readonly requestTimeoutMs?: number;
  /**
   * Milliseconds between two heartbeats of nsqd, at least 1000. After two and a half intervals of silence it counts as dead.
   * @default 10000
   */
  readonly heartbeatIntervalMs?: number;
  /** Milliseconds after which nsqd redelivers a message that was not touched. @default nsqd's own (-msg-timeout, 60 s) */
  readonly messageTimeoutMs?: number;
  /** Milliseconds for which nsqd may buffer messages before it sends them, at least 25; 0 sends each at once. @default 25 */
  readonly outputBufferMs?: number;
  /** Largest frame in bytes; a larger one ends the connection. @default 16777216 */
  readonly maxFrameBytes?: number;
  /** Longest delay in milliseconds before an unreachable nsqd is dialled again. @default 5000 */
  readonly maxReconnectDelayMs?: number;
  /** The clock for all timers. @default the system's clock */
  readonly clock?: Clock;
}

/** Defaults of the options that producers and consumers share. */
export const CLIENT_DEFAULTS = {
  clientId: 'nest-transport',
  compression: 'none',
  connectionTimeoutMs: 5_000,
  requestTimeoutMs: 10_000,
  heartbeatIntervalMs: 10_000,
  outputBufferMs: 25,
  maxFrameBytes: 16_777_216,
  maxReconnectDelayMs: 5_000,
} as const satisfies NsqClientOptions;

/** The options with every default filled in. */
export type NsqSettings = NsqClientOptions &
  Required<Pick<NsqClientOptions, keyof typeof CLIENT_DEFAULTS>> & { readonly clock: Clock };

export function settingsOf(options: NsqClientOptions): NsqSettings {
  const given = Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined));
  return { clock: systemClock, ...CLIENT_DEFAULTS, ...given } as NsqSettings;
}

/** `host:port`, `[::1]:port`. */
export interface Address {
  readonly text: string;
  readonly host: string;
  readonly port: number;
}

export function addressOf(text: string): Address {
  const colon = text.lastIndexOf(':');
  return { text, host: text.slice(0, colon).replace(/^\[|\]$/g, ''), port: Number(text.slice(colon + 1)) };
}
