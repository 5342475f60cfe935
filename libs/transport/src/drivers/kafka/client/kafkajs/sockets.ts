import { connect as connectTcp, isIP, type Socket } from 'node:net';
import { connect as connectTls, type ConnectionOptions } from 'node:tls';
import type { ISocketFactory } from 'kafkajs';

/** Kafka's number of the produce request, in the two bytes after the frame's length. */
const PRODUCE_API_KEY = 0;
/** From this version on a produce request names a transactional id. */
const TRANSACTIONAL_VERSION = 3;

/**
 * Makes the sockets of one kafkajs client, and knows two things that kafkajs does not tell:
 * how often records were written for a partition, and which sockets are still open.
 */
export class Sockets {
  readonly #open = new Set<Socket>();
  readonly #writes = new Map<string, number>();
  #closed = false;

  /** How often records for this partition were written to a socket so far. */
  writesTo(topic: string, partition: number): number {
    return this.#writes.get(placeOf(topic, partition)) ?? 0;
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
      if (Buffer.isBuffer(data) && data.length > 6 && data.readInt16BE(4) === PRODUCE_API_KEY) this.#count(data);
      return write(...args);
    };
  }

  #count(request: Buffer): void {
    for (const place of readablePlacesOf(request)) this.#writes.set(place, (this.#writes.get(place) ?? 0) + 1);
  }
}

const placeOf = (topic: string, partition: number): string => `${topic}/${partition}`;

/** A request in a format that is not known here must still be written: its partitions are then not counted. */
function readablePlacesOf(request: Buffer): string[] {
  try {
    return placesOf(request);
  } catch {
    return [];
  }
}

/** The partitions of a produce request of versions 0 to 7, which are those of kafkajs. */
export function placesOf(request: Buffer): string[] {
  const places: string[] = [];
  let at = 12;
  const int32 = (): number => request.readInt32BE((at += 4) - 4);
  const text = (): string => {
    const length = Math.max(0, request.readInt16BE((at += 2) - 2));
    return request.toString('utf8', at, (at += length));
  };
  text(); // client id
  if (request.readInt16BE(6) >= TRANSACTIONAL_VERSION) text();
  at += 6; // acks and timeout
  for (let topics = int32(); topics > 0; topics--) {
    const topic = text();
    for (let partitions = int32(); partitions > 0; partitions--) {
      places.push(placeOf(topic, int32()));
      const size = int32();
      at += size;
    }
  }
  return places;
}
