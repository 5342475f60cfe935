import { connect, isIP, type Socket } from 'node:net';
import { connect as connectTls, type ConnectionOptions } from 'node:tls';
import { socketFailure } from './failure.js';
import type { Address, NsqTlsSettings } from './settings.js';

/** Opens a connection. @throws NsqError `unreachable`, and other failures of a socket */
export function dial({ host, port, text }: Address, signal: AbortSignal): Promise<Socket> {
  const socket = connect({ host, port, noDelay: true, keepAlive: true });
  return untilReady(socket, 'connect', text, signal);
}

/**
 * Encrypts an open connection.
 * @throws NsqError `tls`, naming the check that failed
 */
export function encrypt(
  plain: Socket,
  { host, text }: Address,
  tls: true | NsqTlsSettings,
  signal: AbortSignal,
): Promise<Socket> {
  const { ca, cert, key, passphrase, serverName, minVersion = 'TLSv1.2' } = tls === true ? {} : tls;
  const name = serverName ?? host;
  // The certificate is checked against `host`; an IP address must not be sent as a server name.
  const options = { socket: plain, host: name, minVersion, ca, cert, key, passphrase };
  const socket = connectTls({ ...options, ...(isIP(name) ? {} : { servername: name }) } as ConnectionOptions);
  return untilReady(socket, 'secureConnect', text, signal);
}

function untilReady<S extends Socket>(socket: S, event: string, nsqd: string, signal: AbortSignal): Promise<S> {
  return new Promise((resolve, reject) => {
    const end = (settle: () => void): void => {
      socket.off(event, ready).off('error', failed).off('close', hungUp);
      signal.removeEventListener('abort', aborted);
      settle();
    };
    const giveUp = (error: unknown): void => {
      // A socket error without a listener would end the process.
      socket.on('error', () => undefined).destroy();
      end(() => reject(error as Error));
    };
    const ready = (): void => end(() => resolve(socket));
    const failed = (cause: unknown): void => giveUp(socketFailure(cause, nsqd));
    const hungUp = (): void => giveUp(socketFailure(new Error('the other side closed the connection'), nsqd));
    const aborted = (): void => giveUp(signal.reason);
    socket.once(event, ready).once('error', failed).once('close', hungUp);
    signal.addEventListener('abort', aborted, { once: true });
    if (signal.aborted) aborted();
  });
}
