import { dpub, mpub, mpubBytes, pub } from './commands.js';
import type { NsqdConnection } from './connection.js';
import { isPassing, NsqError } from './failure.js';
import { nameProblem } from './names.js';
import { NodeSet, type NsqPlaces } from './node-set.js';
import type { NodeListener } from './node.js';
import { settingsOf, type NsqClientOptions } from './settings.js';

/** Options of a producer; at least one of `nsqd` and `lookupd` is required. With both, it publishes only to `nsqd`. */
export interface NsqProducerOptions extends NsqClientOptions, NsqPlaces {
  /** Largest message in bytes. Set it to the server's `-max-msg-size`: nsqd closes the connection on a larger one. @default 1048576 */
  readonly maxMessageBytes?: number;
  /**
   * Largest request in bytes. Set it to the server's `-max-body-size`: nsqd closes the connection on a larger MPUB, often without
   * an error.
   * @default 5242880
   */
  readonly maxRequestBytes?: number;
  /** Longest delay in milliseconds. Set it to the server's `-max-req-timeout`. @default 3600000 */
  readonly maxDelayMs?: number;
  /** Called when connected to this nsqd, `host:port`, and after each reconnect. */
  readonly onUp?: (nsqd: string) => void;
  /** Called if the connection is lost; requests without a reply fail with `stored: 'unknown'`. */
  readonly onDown?: (nsqd: string, error: NsqError) => void;
}

/** Defaults of the options of `NsqProducer`. */
export const PRODUCER_DEFAULTS = {
  maxMessageBytes: 1_048_576,
  maxRequestBytes: 5_242_880,
  maxDelayMs: 3_600_000,
} as const;

/**
 * Publishes to any of several nsqd: to each in turn, and to the others while one is unreachable.
 *
 * ```ts
 * const producer = new NsqProducer({ nsqd: ['127.0.0.1:4150'] });
 * await producer.publish('orders', '{"orderId":"o-1"}'); // resolves on nsqd's OK
 * await producer.close();
 * ```
 * It connects at the first publish or at `connect`, and reconnects by itself.
 */
export class NsqProducer {
  readonly #options: NsqProducerOptions & typeof PRODUCER_DEFAULTS;
  readonly #nodes: NodeSet;
  #started: Promise<void> | undefined;
  #turn = 0;
  #closed: Promise<void> | undefined;
  /** Resolves when any node connects; created on demand. */
  #anyOne: Promise<void> | undefined;
  #onAnyOne: () => void = () => undefined;

  constructor(options: NsqProducerOptions) {
    const given = Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined));
    this.#options = { ...PRODUCER_DEFAULTS, ...given } as NsqProducerOptions & typeof PRODUCER_DEFAULTS;
    const listenerFor = (address: string): NodeListener => this.#listenerFor(address);
    const listener = { listenerFor, lookedUp: () => undefined };
    this.#nodes = new NodeSet(placesToPublish(options), undefined, settingsOf(options), listener);
  }

  /** True while at least one nsqd is connected. */
  get isUp(): boolean {
    return this.#up.length > 0;
  }

  /** Current problems: an unreachable nsqd, or an nsqlookupd that does not answer. */
  get problems(): readonly NsqError[] {
    const ofNodes = this.#nodes.nodes.map(({ problem }) => problem).filter((problem) => problem !== undefined);
    return [...ofNodes, ...this.#nodes.lookupProblems];
  }

  /** Connects; resolves when one nsqd is connected. @throws NsqError if none is after one attempt at each */
  async connect(): Promise<void> {
    await this.#anyUp(() => this.#nodes.tryAll());
  }

  /**
   * Publishes a message and waits for nsqd's OK. By default nsqd keeps messages in memory, so an OK does not mean that the message
   * is on disk.
   * @throws NsqError whose `stored` is `'no'`, or `'unknown'` if the connection broke after it was sent
   */
  async publish(topic: string, body: Buffer | string): Promise<void> {
    const bytes = this.#checked(topic, body);
    await this.#send(pub(topic, bytes));
  }

  /** Publishes several messages in one request: all of them, or none. @throws NsqError as `publish`, about all of them */
  async publishAll(topic: string, bodies: readonly (Buffer | string)[]): Promise<void> {
    if (bodies.length === 0) return;
    const all = bodies.map((body) => this.#checked(topic, body));
    const { maxRequestBytes } = this.#options;
    if (mpubBytes(all) > maxRequestBytes) {
      throw invalid(
        `${all.length} messages for "${topic}" have ${mpubBytes(all)} bytes together, the limit of a request is ${maxRequestBytes} (maxRequestBytes).`,
      );
    }
    await this.#send(mpub(topic, all));
  }

  /**
   * Publishes a message that nsqd delivers after `delayMs`. nsqd keeps it in memory until then: a killed nsqd loses it.
   * @throws NsqError as `publish`, and if `delayMs` is not an integer from 0 to `maxDelayMs`
   */
  async publishDeferred(topic: string, body: Buffer | string, delayMs: number): Promise<void> {
    const bytes = this.#checked(topic, body);
    const { maxDelayMs } = this.#options;
    if (!Number.isInteger(delayMs) || delayMs < 0 || delayMs > maxDelayMs) {
      throw invalid(
        `a message for "${topic}" has a delay of ${delayMs} ms, and nsqd accepts whole numbers from 0 to ${maxDelayMs} (maxDelayMs).`,
      );
    }
    await this.#send(dpub(topic, delayMs, bytes));
  }

  /** Waits for pending replies, then closes. Further calls do nothing. */
  close(): Promise<void> {
    this.#closed ??= this.#nodes.close();
    this.#notifyWaiting();
    return this.#closed;
  }

  get #up(): NsqdConnection[] {
    return this.#nodes.nodes.map(({ connection }) => connection).filter((connection) => connection !== undefined);
  }

  /** Only a message that was certainly not stored is sent again, to another nsqd; the caller decides about the others. */
  async #send(command: Buffer): Promise<void> {
    const tried = new Set<NsqdConnection>();
    for (;;) {
      const connection = this.#next(tried) ?? (await this.#anyUp(() => this.#nodes.tryFresh(), tried));
      try {
        await connection.request(command);
        return;
      } catch (error) {
        if (!(error instanceof NsqError) || error.stored === 'unknown' || !isPassing(error)) throw error;
        tried.add(connection);
        if (tried.size >= MOST_TRIES) throw error;
      }
    }
  }

  /** Chooses an nsqd in turn; a slow or suspended one is skipped while another one replies. */
  #next(tried: ReadonlySet<NsqdConnection>): NsqdConnection | undefined {
    const up = this.#up.filter((connection) => !tried.has(connection));
    if (up.length < 2) return up[0];
    const prompt = up.filter(({ isStalled }) => !isStalled);
    const usable = prompt.length > 0 ? prompt : up;
    const fewest = Math.min(...usable.map(({ unanswered }) => unanswered));
    const idlest = usable.filter(({ unanswered }) => unanswered === fewest);
    return idlest[this.#turn++ % idlest.length];
  }

  /** Returns a connected nsqd, after one attempt at each if needed. @throws NsqError if none connects */
  async #anyUp(tryEach: () => Promise<void>, tried: ReadonlySet<NsqdConnection> = new Set()): Promise<NsqdConnection> {
    if (this.#closed !== undefined) throw new NsqError('closed', 'the producer is closed.');
    const isFirst = this.#started === undefined;
    this.#started ??= this.#nodes.start();
    const tries = isFirst ? this.#started : this.#started.then(tryEach);
    for (let done = false; ;) {
      const connection = this.#next(tried);
      if (connection !== undefined) return connection;
      if (done) throw this.#noneUp();
      // The first connection ends the wait, because another nsqd may not answer until its timeout.
      this.#anyOne ??= new Promise<void>((resolve) => (this.#onAnyOne = resolve));
      done = await Promise.race([tries.then(() => true), this.#anyOne.then(() => false)]);
    }
  }

  #noneUp(): NsqError {
    if (this.#closed !== undefined) return new NsqError('closed', 'the producer is closed.');
    const problems = this.problems;
    const [first] = problems;
    if (first === undefined)
      return new NsqError('unreachable', 'nsqlookupd lists no nsqd. Start one, or check lookupd.');
    if (problems.length === 1) return first;
    // A problem that waiting does not fix is reported first.
    const cause = problems.find((problem) => !isPassing(problem)) ?? first;
    return new NsqError(cause.reason, problems.map(({ message }) => message).join('; '), { code: cause.code, cause });
  }

  #checked(topic: string, body: Buffer | string): Buffer {
    const problem = nameProblem(topic);
    if (problem !== undefined) throw invalid(`topic "${topic}" cannot be used: ${problem}.`);
    const bytes = typeof body === 'string' ? Buffer.from(body) : body;
    const { maxMessageBytes } = this.#options;
    if (bytes.length === 0) throw invalid(`a message for "${topic}" is empty, and nsqd rejects empty messages.`);
    if (bytes.length <= maxMessageBytes) return bytes;
    throw invalid(
      `a message for "${topic}" has ${bytes.length} bytes, the limit is ${maxMessageBytes} (maxMessageBytes).`,
    );
  }

  #listenerFor(address: string): NodeListener {
    return {
      messages: () => undefined,
      tooLate: () => undefined,
      up: () => {
        this.#options.onUp?.(address);
        // In the next microtask, when the node counts as connected.
        queueMicrotask(() => this.#notifyWaiting());
      },
      lost: () => undefined,
      down: (error) => this.#options.onDown?.(address, error),
    };
  }

  #notifyWaiting(): void {
    this.#onAnyOne();
    this.#anyOne = undefined;
  }
}

/** With `nsqd`, nsqlookupd adds none: it may list nodes of other services, or unreachable ones. */
function placesToPublish({ nsqd = [], lookupd, lookupIntervalMs }: NsqPlaces): NsqPlaces {
  if (nsqd.length > 0) return { nsqd };
  return { ...(lookupd && { lookupd }), ...(lookupIntervalMs && { lookupIntervalMs }) };
}

/** Most connections that are tried for one message. */
const MOST_TRIES = 3;

const invalid = (message: string): NsqError => new NsqError('invalid', message);
