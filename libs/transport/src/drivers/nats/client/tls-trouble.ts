import { connect as connectPlain, type Socket } from 'node:net';
import { connect as connectTls, type ConnectionOptions } from 'node:tls';

/** A client that is not told by now is asked after. */
const PATIENCE_MS = 500;
/** A refusal of TLS 1.3 comes after the handshake; a server that has said nothing by then has taken the certificate. */
const QUIET_MS = 500;

/**
 * Finds out why an encrypted connection does not come to be. A server that refuses the client's certificate says so after the
 * handshake, where the client does not listen: it waits, and would say no more than that the time was over.
 * @param tls what the client gives to Node's `tls.connect`
 * @returns a promise that rejects with the reason, and stays pending when there is none; and a function that ends the search
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
  found.catch(() => undefined);
  const end = (): void => {
    callOff();
    for (const socket of sockets) socket.destroy();
  };
  return { found, end };
}

/** Does the handshake as the client would. Rejects only for what TLS is the reason of. */
async function ask(
  server: string,
  { handshakeFirst = false, ...tls }: ConnectionOptions & { readonly handshakeFirst?: boolean },
  sockets: Set<Socket>,
): Promise<void> {
  const [, host = '', port = ''] = /^\[?(.*?)\]?:(\d+)$/.exec(server) ?? [];
  const plain = connectPlain(Number(port), host);
  sockets.add(plain);
  // Why ignored: a server that is away is the client's to tell.
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
