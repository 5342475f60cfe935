import { isIP } from 'node:net';
import { checkServerIdentity, type PeerCertificate } from 'node:tls';
import type * as JetStream from '@nats-io/jetstream';
import type * as Nats from '@nats-io/transport-node';
import { loadPeers, unloaded } from '../../../shared/index.js';
import type { NatsAuthOptions, NatsTlsOptions, ResolvedNatsOptions } from '../options.js';

/** The client packages, loaded on first use. */
export interface Clients {
  readonly nats: typeof Nats;
  readonly jetstream: typeof JetStream | undefined;
}

/** @throws TransportError `TRANSPORT_PEER_MISSING` */
export async function loadClients({ mode }: ResolvedNatsOptions): Promise<Clients> {
  const node = ['@nats-io/transport-node', loadNode] as const;
  if (mode === 'core') {
    const [nats] = await loadPeers<[typeof Nats]>('nats', 'The nats driver', node);
    return { nats, jetstream: undefined };
  }
  const neededFor = "The nats driver with mode: 'jetstream'";
  const ofJetStream = ['@nats-io/jetstream', loadJetStream] as const;
  const [nats, jetstream] = await loadPeers<[typeof Nats, typeof JetStream]>('nats', neededFor, node, ofJetStream);
  return { nats, jetstream };
}

async function loadNode(): Promise<typeof Nats> {
  try {
    return await import('@nats-io/transport-node');
  } catch (error) {
    return unloaded(error);
  }
}

async function loadJetStream(): Promise<typeof JetStream> {
  try {
    return await import('@nats-io/jetstream');
  } catch (error) {
    return unloaded(error);
  }
}

/** Between two tries to reach a server again; a tenth of what the client would wait. */
const RECONNECT_WAIT_MS = 200;

export function connectionSettings(
  { nats }: Clients,
  options: ResolvedNatsOptions,
  clientName: string,
): Nats.NodeConnectionOptions {
  const { auth, tls } = options;
  return {
    servers: [...options.servers],
    name: clientName,
    inboxPrefix: options.inboxPrefix,
    timeout: options.connectionTimeoutMs,
    pingInterval: options.pingIntervalMs,
    maxPingOut: 2,
    // n.b. the client's own default gives up for ever after 20 s.
    maxReconnectAttempts: -1,
    reconnectTimeWait: RECONNECT_WAIT_MS,
    reconnectJitter: RECONNECT_WAIT_MS,
    reconnectJitterTLS: RECONNECT_WAIT_MS,
    // A login that is refused for a while must not end the connection; it is told by health.
    ignoreAuthErrorAbort: true,
    // Traces of every request cost more than the requests.
    noAsyncTraces: true,
    ...(auth === undefined ? {} : { authenticator: authenticatorOf(nats, auth) }),
    ...(tls === undefined ? {} : tlsSettings(tls)),
  };
}

function authenticatorOf(nats: typeof Nats, auth: NatsAuthOptions): Nats.Authenticator {
  const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);
  if ('user' in auth) return nats.usernamePasswordAuthenticator(auth.user, auth.password);
  if ('token' in auth) return nats.tokenAuthenticator(auth.token);
  if ('nkeySeed' in auth) return nats.nkeyAuthenticator(bytes(auth.nkeySeed));
  return nats.credsAuthenticator(bytes(auth.credentials));
}

/** n.b. what the client does not know it hands to Node's `tls.connect` as it is. */
function tlsSettings(given: true | NatsTlsOptions): Partial<Nats.NodeConnectionOptions> {
  const { serverName, handshakeFirst, ...rest } = given === true ? ({} as NatsTlsOptions) : given;
  let dialled = '';
  const tls = {
    ...rest,
    minVersion: rest.minVersion ?? 'TLSv1.2',
    rejectUnauthorized: true,
    ...(handshakeFirst === true ? { handshakeFirst } : {}),
    ...(serverName === undefined ? {} : { servername: serverName }),
    // Why: for an address that is an IP the client gives Node no name, and Node then takes a certificate for "localhost".
    checkServerIdentity: (host: string, certificate: PeerCertificate) =>
      checkServerIdentity(serverName ?? (isIP(dialled) === 0 ? host : dialled), certificate),
  };
  const reconnectToServer: Nats.ReconnectToServerHandler = (servers) => {
    const [next] = servers;
    dialled = next?.tlsName || next?.hostname || '';
    return next ?? null;
  };
  return { tls: tls as Nats.TlsOptions, reconnectToServer };
}
