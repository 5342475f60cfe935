import { hostname } from 'node:os';
import { auth, identify, MAGIC } from './commands.js';
import { deflateBytes, loadSnappy, snappyBytes } from './compression.js';
import { encrypt } from './dial.js';
import { NsqError } from './failure.js';
import type { FramePipe } from './pipe.js';
import type { Address, NsqSettings } from './settings.js';

/** The facts that an nsqd reports in the handshake. */
export interface NsqdFacts {
  readonly version: string;
  /** The largest allowed RDY count. */
  readonly maxRdyCount: number;
  /** Milliseconds after which a message that is not touched goes to another consumer. */
  readonly messageTimeoutMs: number;
  /** Most milliseconds after delivery for which touching can keep a message. */
  readonly maxMessageTimeoutMs: number;
}

/** The parts of a connection that the handshake needs. */
export interface Handshaking {
  readonly address: Address;
  readonly pipe: FramePipe;
  /** Waits for the next reply, and holds the pipe there. */
  answer(): Promise<string>;
  request(command: Buffer): Promise<string>;
}

interface Identity {
  readonly version?: string;
  readonly max_rdy_count: number;
  readonly msg_timeout: number;
  readonly max_msg_timeout: number;
  readonly tls_v1: boolean;
  readonly snappy: boolean;
  readonly deflate: boolean;
  readonly auth_required?: boolean;
}

/** Identifies the client, then encrypts, compresses and authenticates, in the order of the NSQ protocol. */
export async function shakeHands(
  connection: Handshaking,
  settings: NsqSettings,
  signal: AbortSignal,
): Promise<NsqdFacts> {
  const { address, pipe } = connection;
  // Loaded first, because the other side starts to compress at once.
  const blocks = settings.compression === 'snappy' ? await loadSnappy() : undefined;
  const identity = await introduce(connection, settings);
  if (settings.tls !== undefined) {
    const { tls } = settings;
    if (!identity.tls_v1) throw lacking(address, 'tls', 'TLS; start it with -tls-cert and -tls-key, or remove tls');
    const encrypted = connection.answer();
    // Ignored here, because a failing change reports the reason, and the reply only that the connection is lost.
    encrypted.catch(() => undefined);
    await pipe.change({ socket: (plain) => encrypt(plain, address, tls, signal) });
    await encrypted;
  }
  if (settings.compression !== 'none') {
    const { compression } = settings;
    if (!identity[compression]) throw lacking(address, 'unsupported', `${compression}; remove compression`);
    const compressed = connection.answer();
    // Ignored here for the same reason as above.
    compressed.catch(() => undefined);
    await pipe.change({ codec: (ends) => (blocks === undefined ? deflateBytes(ends) : snappyBytes(ends, blocks)) });
    await compressed;
  }
  await pipe.change({});
  if (identity.auth_required === true) await logIn(connection, settings.authSecret);
  return {
    version: identity.version ?? 'unknown',
    maxRdyCount: identity.max_rdy_count,
    messageTimeoutMs: identity.msg_timeout,
    maxMessageTimeoutMs: identity.max_msg_timeout,
  };
}

async function introduce({ address, pipe, answer }: Handshaking, settings: NsqSettings): Promise<Identity> {
  const { clientId, compression, heartbeatIntervalMs, messageTimeoutMs, outputBufferMs, tls } = settings;
  const facts = {
    client_id: clientId,
    hostname: hostname(),
    user_agent: 'nest-transport',
    feature_negotiation: true,
    tls_v1: tls !== undefined,
    snappy: compression === 'snappy',
    deflate: compression === 'deflate',
    heartbeat_interval: heartbeatIntervalMs,
    // With -1 for the timeout only, messages would stay in nsqd's buffer until it is full.
    ...(outputBufferMs === 0
      ? { output_buffer_timeout: -1, output_buffer_size: -1 }
      : { output_buffer_timeout: outputBufferMs }),
    ...(messageTimeoutMs === undefined ? {} : { msg_timeout: messageTimeoutMs }),
  };
  pipe.write(Buffer.concat([MAGIC, identify(facts)]));
  const text = await answer();
  try {
    return JSON.parse(text) as Identity;
  } catch {
    throw new NsqError('protocol', `nsqd ${address.text} answered IDENTIFY with ${text.slice(0, 60)}; it is too old.`);
  }
}

async function logIn({ address, request }: Handshaking, secret: string | undefined): Promise<void> {
  if (secret === undefined) {
    const message = `nsqd ${address.text} requires authentication, and there is no authSecret.`;
    throw new NsqError('authentication', message, { nsqd: address.text });
  }
  await request(auth(secret));
}

const lacking = (address: Address, reason: 'tls' | 'unsupported', what: string): NsqError =>
  new NsqError(reason, `nsqd ${address.text} has no ${what}.`, { nsqd: address.text });
