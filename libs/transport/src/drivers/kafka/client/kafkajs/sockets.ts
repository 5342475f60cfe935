import { connect as connectTcp, isIP, type Socket } from 'node:net';
import { connect as connectTls, type ConnectionOptions } from 'node:tls';
import type { ISocketFactory } from 'kafkajs';

/** Kafka's number of the produce request, in the two bytes after the frame's length. */
const PRODUCE_API_KEY = 0;

/**
 * Makes the sockets of one kafkajs client, and knows two things that kafkajs does not tell:
 * whether a produce request has left, and which sockets are still open.
 */
export class Sockets {
  readonly #open = new Set<Socket>();
  #producesWritten = 0;
  #closed = false;

  /** Produce requests handed to a socket so far. */
  get producesWritten(): number {
    return this.#producesWritten;
  }

  readonly factory: ISocketFactory = ({ host, port, ssl, onConnect }) => {
    if (this.#closed) throw new Error('the client was closed');
    const socket = ssl
      ? connectTls(
          { host, port, ...(isIP(host) ? {} : { servername: host }), ...(ssl as ConnectionOptions) },
          onConnect,
        )
      : connectTcp({ host, port }, onConnect);
    socket.setNoDelay(true);
    socket.setKeepAlive(true, 60_000);
    // n.b. after an outage kafkajs writes to sockets that still connect, and Node keeps a listener for each such write;
    // they go with the socket, and no socket outlives its client.
    socket.setMaxListeners(0);
    this.#watch(socket);
    return socket;
  };

  /**
   * Ends all sockets and lets no new one be made.
   * n.b. kafkajs only asks its sockets to end, and goes on trying for a while after disconnect(). It hears of an error and
   * not of a close, and without hearing of it its timers would run for ever.
   */
  destroyAll(): void {
    this.#closed = true;
    for (const socket of this.#open) socket.destroy(new Error('the client was closed'));
  }

  #watch(socket: Socket): void {
    this.#open.add(socket);
    socket.once('close', () => this.#open.delete(socket));
    const write = socket.write.bind(socket) as (...args: unknown[]) => boolean;
    socket.write = (...args: unknown[]): boolean => {
      const [data] = args;
      if (Buffer.isBuffer(data) && data.length > 6 && data.readInt16BE(4) === PRODUCE_API_KEY) this.#producesWritten++;
      return write(...args);
    };
  }
}
