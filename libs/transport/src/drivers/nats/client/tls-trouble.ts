import { connect as connectPlain, type Socket } from 'node:net';
import { connect as connectTls, type ConnectionOptions } from 'node:tls';

/** Milliseconds before the server is probed because the client has reported nothing. */
const PATIENCE_MS = 500;
/** A rejection of TLS 1.3 comes after the handshake; a server that is silent for this long has accepted the certificate. */
const QUIET_MS = 500;

/**
 * Finds out why an encrypted connection cannot be opened. A server that rejects the client's certificate says so after the
 * handshake, where the client does not listen: the client waits and reports only a timeout.
 * @param tls what the client passes to Node's `tls.connect`
 * @returns a Promise that rejects with the reason and otherwise stays pending; and a function that ends the search
 */
export function tlsTrouble(
  servers: readonly string[],
  tls: ConnectionOptions & { readonly handshakeFirst?: boolean },
): { readonly found: Promise<never>; readonly end: () => void } {
  const sockets = new Set<Socket>();
  let callOff = (): void => undefined;
  const found = new Promise<never>((_resolve, reject) => {
    const timer = setTimeout(() => {
      for (const server of servers) ask(server, tls, sockets).catch(reject);
    }, PATIENCE_MS);
    callOff = () => clearTimeout(timer);
  });
  // The caller races it and may win before it fails: that must not count as an unhandled rejection.
  found.catch(() => undefined);
  const end = (): void => {
    callOff();
    for (const socket of sockets) socket.destroy();
  };
  return { found, end };
}

/** Does the handshake as the client would. Rejects only for reasons of TLS. */
async function ask(
  server: string,
  { handshakeFirst = false, ...tls }: ConnectionOptions & { readonly handshakeFirst?: boolean },
  sockets: Set<Socket>,
): Promise<void> {
  const [, host = '', port = ''] = /^\[?(.*?)\]?:(\d+)$/.exec(server) ?? [];
  const plain = connectPlain(Number(port), host);
  sockets.add(plain);
  // An unreachable server is ignored here, because the client reports it.
  const greeted = await new Promise<boolean>((resolve) => {
    plain.once('error', () => resolve(false)).once('close', () => resolve(false));
    plain.once(handshakeFirst ? 'connect' : 'data', () => resolve(true));
  });
  if (!greeted) return;
  await new Promise<void>((resolve, reject) => {
    const secure = connectTls({ ...tls, socket: plain }, () => setTimeout(() => secure.destroy(), QUIET_MS));
    sockets.add(secure);
    secure.once('error', reject).once('close', () => resolve());
  });
}
