import { connect as connectTcp, isIP, type Socket } from 'node:net';
import { connect as connectTls, type ConnectionOptions } from 'node:tls';
import type { ISocketFactory } from 'kafkajs';

/** Kafka's number of the produce request, in the two bytes after the frame's length. */
export const PRODUCE_API_KEY = 0;
const FETCH_API_KEY = 1;
/** From this version on a produce request names a transactional id. */
const TRANSACTIONAL_VERSION = 3;
/** The last version that kafkajs writes, and that is understood here. */
const LAST_VERSION = 7;

/**
 * Converts an address for kafkajs, which takes everything before the first ":" as the host. The colons of an IPv6 address are
 * escaped, and `Sockets` decodes them.
 */
export function seedOf(address: string): string {
  const colon = address.lastIndexOf(':');
  const host = address.slice(0, colon);
  return host.startsWith('[') ? `${encodeURIComponent(host.slice(1, -1))}${address.slice(colon)}` : address;
}

const hostOf = (given: string): string => (given.includes('%3A') ? decodeURIComponent(given) : given);

/** How many produce requests with records for one partition were written and answered. */
export interface ProduceCount {
  written: number;
  answered: number;
}

/** Which request an answer belongs to. */
export interface AnsweredRequest {
  /** `host:port`, as passed to the socket factory. */
  readonly broker: string;
  readonly correlationId: number;
}

/**
 * Creates the sockets of one kafkajs client and counts what kafkajs does not report: how often records were written for a
 * partition, how often they were answered, and which sockets are still open.
 */
export class Sockets {
  readonly #open = new Map<Socket, Connection>();
  readonly #counts = new Map<string, ProduceCount>();
  /** Partitions of the produce requests that wait for a response. kafkajs uses one connection per broker for them. */
  readonly #unanswered = new Map<string, readonly string[]>();
  /** Produce requests that cannot be read: each may hold records for any partition. */
  #unreadable = 0;
  readonly #leaders = new Set<string>();
  readonly #isGone: (broker: string) => boolean;
  #closed = false;

  /** @param isGone whether the cluster no longer lists a broker @default no */
  constructor(isGone: (broker: string) => boolean = () => false) {
    this.#isGone = isGone;
  }

  get isClosed(): boolean {
    return this.#closed;
  }

  /** Brokers that have sent nothing since then although a request is open. */
  late(since: number): string[] {
    return [...this.#open.values()].filter((connection) => connection.isLate(since)).map(({ broker }) => broker);
  }

  /** Whether records were written to this address or fetched from it, which shows that it belongs to a broker. */
  leads(broker: string): boolean {
    return this.#leaders.has(broker);
  }

  /** Closes all connections to a broker, so that its open requests fail at once. */
  end(broker: string): void {
    for (const [socket, connection] of this.#open) {
      if (connection.broker === broker)
        socket.destroy(new Error(`broker ${broker} does not answer, and the cluster no longer lists it`));
    }
  }

  /** How often records for this partition were written to a socket so far, and how often the broker answered. */
  producesTo(topic: string, partition: number): ProduceCount {
    const { written, answered } = this.#counts.get(placeOf(topic, partition)) ?? NONE;
    return { written: written + this.#unreadable, answered };
  }

  /** The broker answered a produce request, and kafkajs took the answer. */
  answered({ broker, correlationId }: AnsweredRequest): void {
    const request = requestName(broker, correlationId);
    for (const place of this.#unanswered.get(request) ?? []) this.#countOf(place).answered++;
    this.#unanswered.delete(request);
  }

  readonly factory: ISocketFactory = ({ host: given, port, ssl, onConnect }) => {
    const host = hostOf(given);
    if (this.#closed) throw new Error('the client was closed');
    // A suspended broker would accept the connection and never respond.
    if (this.#isGone(`${given}:${port}`)) throw new Error(`the cluster no longer lists broker ${host}:${port}`);
    const socket = ssl
      ? connectTls(
          { host, port, ...(isIP(host) ? {} : { servername: host }), ...(ssl as ConnectionOptions) },
          onConnect,
        )
      : connectTcp({ host, port }, onConnect);
    socket.setNoDelay(true);
    socket.setKeepAlive(true, 60_000);
    // After an outage kafkajs writes to sockets that still connect, and Node keeps a listener for each such write. The listeners
    // end with the socket, so the warning would be a false alarm.
    socket.setMaxListeners(0);
    this.#watch(socket, `${given}:${port}`);
    return socket;
  };

  /**
   * Destroys all sockets and prevents new ones. kafkajs only ends its sockets gracefully and keeps retrying for a while after
   * disconnect(). It reacts to an error and not to a close; without an error its timers would run forever.
   */
  destroyAll(): void {
    this.#closed = true;
    for (const socket of this.#open.keys()) socket.destroy(new Error('the client was closed'));
  }

  #watch(socket: Socket, broker: string): void {
    const connection = new Connection(broker);
    this.#open.set(socket, connection);
    socket.once('close', () => this.#open.delete(socket));
    socket.on('data', (data: Buffer) => connection.read(data));
    const write = socket.write.bind(socket) as (...args: unknown[]) => boolean;
    socket.write = (...args: unknown[]): boolean => {
      const [data] = args;
      connection.wrote();
      const apiKey = Buffer.isBuffer(data) && data.length > 6 ? data.readInt16BE(4) : -1;
      if (apiKey === PRODUCE_API_KEY) this.#count(data as Buffer, broker);
      if (apiKey === PRODUCE_API_KEY || apiKey === FETCH_API_KEY) this.#leaders.add(broker);
      return write(...args);
    };
  }

  #count(request: Buffer, broker: string): void {
    const places = placesOf(request);
    if (places === undefined) return void this.#unreadable++;
    for (const place of places) this.#countOf(place).written++;
    this.#unanswered.set(requestName(broker, request.readInt32BE(8)), places);
  }

  #countOf(place: string): ProduceCount {
    let count = this.#counts.get(place);
    if (count === undefined) this.#counts.set(place, (count = { ...NONE }));
    return count;
  }
}

/** Counts requests and responses of one socket. kafkajs writes each request in one piece. */
class Connection {
  readonly broker: string;
  #unanswered = 0;
  /** When the first open request was written, or the latest response was read. */
  #since = 0;
  /** Bytes that are left of the current response, and of the four bytes that hold the length of the next. */
  #left = 0;
  #lengthLeft = LENGTH_BYTES;
  #length = 0;

  constructor(broker: string) {
    this.broker = broker;
  }

  isLate(since: number): boolean {
    return this.#unanswered > 0 && this.#since < since;
  }

  wrote(): void {
    if (this.#unanswered++ === 0) this.#since = performance.now();
  }

  read(data: Buffer): void {
    this.#since = performance.now();
    for (let at = 0; at < data.length;) {
      if (this.#left > 0) {
        const read = Math.min(this.#left, data.length - at);
        this.#left -= read;
        at += read;
        if (this.#left === 0) this.#unanswered = Math.max(0, this.#unanswered - 1);
      } else at = this.#readLength(data, at);
    }
  }

  #readLength(data: Buffer, at: number): number {
    this.#length = (this.#length << 8) | (data[at] as number);
    if (--this.#lengthLeft === 0) {
      this.#left = this.#length;
      this.#length = 0;
      this.#lengthLeft = LENGTH_BYTES;
    }
    return at + 1;
  }
}

const LENGTH_BYTES = 4;

const NONE: ProduceCount = { written: 0, answered: 0 };
const placeOf = (topic: string, partition: number): string => `${topic}/${partition}`;
const requestName = (broker: string, correlationId: number): string => `${broker}/${correlationId}`;

/** The partitions of a produce request; undefined for one in a format that is not kafkajs' own. */
export function placesOf(request: Buffer): string[] | undefined {
  if (request.readInt16BE(6) > LAST_VERSION) return undefined;
  try {
    return readPlaces(request);
  } catch {
    return undefined;
  }
}

/** @throws RangeError when the lengths in it do not fit its own */
function readPlaces(request: Buffer): string[] {
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
      const size = Math.max(0, int32());
      at += size;
    }
  }
  if (at !== request.length) throw new RangeError('the request ends elsewhere');
  return places;
}
