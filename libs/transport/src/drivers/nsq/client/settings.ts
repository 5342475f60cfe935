import { type Clock } from '../../../contract/index.js';
import { systemClock } from '../../../shared/index.js';

/** An encrypted connection; certificate chain and host name are always verified. */
export interface NsqTlsSettings {
  /** Authorities to trust instead of the system's, as PEM. */
  readonly ca?: string | Buffer | readonly (string | Buffer)[];
  /** The client's own certificate, where nsqd asks for one (mutual TLS), as PEM. */
  readonly cert?: string | Buffer;
  /** The private key of `cert`, as PEM. */
  readonly key?: string | Buffer;
  /** Opens `key`. */
  readonly passphrase?: string;
  /** The name to verify, when it is not the host of the address. */
  readonly serverName?: string;
  /** @default 'TLSv1.2' */
  readonly minVersion?: 'TLSv1.2' | 'TLSv1.3';
}

/** What producers and consumers are told alike. Times are milliseconds, sizes bytes. */
export interface NsqClientOptions {
  /** Shown in `/stats` of nsqd. @default 'nest-transport' */
  readonly clientId?: string;
  /** `true` trusts the system's authorities. @default no encryption */
  readonly tls?: true | NsqTlsSettings;
  /** Sent with AUTH when nsqd asks for it. n.b. readable on the wire without `tls`. */
  readonly authSecret?: string;
  /** `'snappy'` needs the package of that name. @default 'none' */
  readonly compression?: 'none' | 'snappy' | 'deflate';
  /** From dialling to the end of the handshake. @default 5000 */
  readonly connectionTimeoutMs?: number;
  /** For the answer to one command. @default 10000 */
  readonly requestTimeoutMs?: number;
  /** nsqd says that it is alive so often; after two and a half of them in silence it counts as dead. At least 1000. @default 10000 */
  readonly heartbeatIntervalMs?: number;
  /** After this nsqd gives a message to somebody else, unless it was touched. @default nsqd's own (-msg-timeout, 60 s) */
  readonly messageTimeoutMs?: number;
  /** How long nsqd may collect messages before it sends them; 0 sends each at once. At least 25 otherwise. @default 25 */
  readonly outputBufferMs?: number;
  /** Larger frames end the connection. @default 16777216 */
  readonly maxFrameBytes?: number;
  /** The longest pause before an nsqd that is away is dialled again. @default 5000 */
  readonly maxReconnectDelayMs?: number;
  /** @default the machine's */
  readonly clock?: Clock;
}

/** What an option of producers and consumers is when it is left out. */
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

/** Options with every default filled in. */
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
