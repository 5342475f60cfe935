import { dpub, mpub, mpubBytes, pub } from './commands.js';
import type { NsqdConnection } from './connection.js';
import { isPassing, NsqError } from './failure.js';
import { nameProblem } from './names.js';
import { NodeSet, type NsqPlaces } from './node-set.js';
import type { NodeListener } from './node.js';
import { settingsOf, type NsqClientOptions } from './settings.js';

/** Options of a producer: at least one of `nsqd` and `lookupd`. With both, it publishes only to `nsqd`. */
export interface NsqProducerOptions extends NsqClientOptions, NsqPlaces {
  /** As the server's `-max-msg-size`: nsqd hangs up on a larger one. @default 1048576 */
  readonly maxMessageBytes?: number;
  /** As the server's `-max-body-size`: nsqd hangs up on a larger MPUB, often without a word. @default 5242880 */
  readonly maxRequestBytes?: number;
  /** As the server's `-max-req-timeout`. @default 3600000 */
  readonly maxDelayMs?: number;
  /** Connected to this nsqd, `host:port`; again after each reconnect. */
  readonly onUp?: (nsqd: string) => void;
  /** The connection is lost; what was unanswered on it fails with `stored: 'unknown'`. */
  readonly onDown?: (nsqd: string, error: NsqError) => void;
}

/** What an option of `NsqProducer` is when it is left out. */
export const PRODUCER_DEFAULTS = {
  maxMessageBytes: 1_048_576,
  maxRequestBytes: 5_242_880,
  maxDelayMs: 3_600_000,
} as const;

/**
 * Publishes to any of several nsqd: in turn while all are up, to the others while one is away.
 *
 * ```ts
 * const producer = new NsqProducer({ nsqd: ['127.0.0.1:4150'] });
 * await producer.publish('orders', '{"orderId":"o-1"}'); // resolves on nsqd's OK
 * await producer.close();
 * ```
 * It connects by itself, at the first publish or at `connect`, and comes back by itself.
 */
export class NsqProducer {
  readonly #options: NsqProducerOptions & typeof PRODUCER_DEFAULTS;
  readonly #nodes: NodeSet;
  #started: Promise<void> | undefined;
  #turn = 0;
  #closed: Promise<void> | undefined;
  /** Resolves when any node comes up; made when somebody waits for it. */
  #anyOne: Promise<void> | undefined;
  #tellAnyOne: () => void = () => undefined;

  constructor(options: NsqProducerOptions) {
    const given = Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined));
    this.#options = { ...PRODUCER_DEFAULTS, ...given } as NsqProducerOptions & typeof PRODUCER_DEFAULTS;
    const listenerFor = (address: string): NodeListener => this.#listenerFor(address);
    const listener = { listenerFor, lookedUp: () => undefined };
    this.#nodes = new NodeSet(placesToPublish(options), undefined, settingsOf(options), listener);
  }

  /** True while one nsqd at least can be published to. */
  get isUp(): boolean {
    return this.#up.length > 0;
  }

  /** What is not well: an nsqd that is away, an nsqlookupd that does not answer. */
  get problems(): readonly NsqError[] {
    const ofNodes = this.#nodes.nodes.map(({ problem }) => problem).filter((problem) => problem !== undefined);
    return [...ofNodes, ...this.#nodes.lookupProblems];
  }

  /** Resolves when one nsqd is up. @throws NsqError when none is after one try at each */
  async connect(): Promise<void> {
    await this.#anyUp(() => this.#nodes.tryAll());
  }

  /**
   * Resolves when nsqd has taken the message. n.b. by default nsqd keeps it in memory: an OK says nothing of a disk.
   * @throws NsqError whose `stored` is `'no'`, or `'unknown'` when the connection broke after it was sent
   */
  async publish(topic: string, body: Buffer | string): Promise<void> {
    const bytes = this.#checked(topic, body);
    await this.#send(pub(topic, bytes));
  }

  /** All of them, or none, in one request. @throws NsqError as `publish`, about all of them */
  async publishAll(topic: string, bodies: readonly (Buffer | string)[]): Promise<void> {
    if (bodies.length === 0) return;
    const all = bodies.map((body) => this.#checked(topic, body));
    const { maxRequestBytes } = this.#options;
    if (mpubBytes(all) > maxRequestBytes) {
      throw invalid(
        `${all.length} messages for "${topic}" are ${mpubBytes(all)} bytes, and ${maxRequestBytes} may go into one request (maxRequestBytes).`,
      );
    }
    await this.#send(mpub(topic, all));
  }

  /**
   * As `publish`; nsqd gives it out after `delayMs`, kept in its memory until then: a killed nsqd forgets it.
   * @throws NsqError as `publish`; and of a `delayMs` that is no integer from 0 to `maxDelayMs`
   */
  async publishDeferred(topic: string, body: Buffer | string, delayMs: number): Promise<void> {
    const bytes = this.#checked(topic, body);
    const { maxDelayMs } = this.#options;
    if (!Number.isInteger(delayMs) || delayMs < 0 || delayMs > maxDelayMs) {
      throw invalid(
        `a message for "${topic}" is to wait ${delayMs} ms, and nsqd takes whole numbers from 0 to ${maxDelayMs} (maxDelayMs).`,
      );
    }
    await this.#send(dpub(topic, delayMs, bytes));
  }

  /** Waits for answers that are under way, then hangs up. Twice is the same as once. */
  close(): Promise<void> {
    this.#closed ??= this.#nodes.close();
    this.#tellWaiting();
    return this.#closed;
  }

  get #up(): NsqdConnection[] {
    return this.#nodes.nodes.map(({ connection }) => connection).filter((connection) => connection !== undefined);
  }

  /** n.b. only what certainly was not stored is sent again, elsewhere; the rest is the caller's to judge. */
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

  /** In turn; an nsqd that is slow to answer, or frozen, is passed over while another one answers. */
  #next(tried: ReadonlySet<NsqdConnection>): NsqdConnection | undefined {
    const up = this.#up.filter((connection) => !tried.has(connection));
    if (up.length < 2) return up[0];
    const prompt = up.filter(({ isStalled }) => !isStalled);
    const usable = prompt.length > 0 ? prompt : up;
    const fewest = Math.min(...usable.map(({ unanswered }) => unanswered));
    const idlest = usable.filter(({ unanswered }) => unanswered === fewest);
    return idlest[this.#turn++ % idlest.length];
  }

  /** One that is up, waiting for one try at each. @throws NsqError when none comes up */
  async #anyUp(tryEach: () => Promise<void>, tried: ReadonlySet<NsqdConnection> = new Set()): Promise<NsqdConnection> {
    if (this.#closed !== undefined) throw new NsqError('closed', 'the producer is closed.');
    const isFirst = this.#started === undefined;
    this.#started ??= this.#nodes.start();
    const tries = isFirst ? this.#started : this.#started.then(tryEach);
    for (let done = false; ;) {
      const connection = this.#next(tried);
      if (connection !== undefined) return connection;
      if (done) throw this.#noneUp();
      // The first that is up ends the wait: another may be a black hole until its timeout.
      this.#anyOne ??= new Promise<void>((resolve) => (this.#tellAnyOne = resolve));
      done = await Promise.race([tries.then(() => true), this.#anyOne.then(() => false)]);
    }
  }

  #noneUp(): NsqError {
    if (this.#closed !== undefined) return new NsqError('closed', 'the producer is closed.');
    const problems = this.problems;
    const [first] = problems;
    if (first === undefined) return new NsqError('unreachable', 'nsqlookupd knows of no nsqd.');
    if (problems.length === 1) return first;
    // What nobody can mend by waiting is worth reading first.
    const cause = problems.find((problem) => !isPassing(problem)) ?? first;
    return new NsqError(cause.reason, problems.map(({ message }) => message).join('; '), { code: cause.code, cause });
  }

  #checked(topic: string, body: Buffer | string): Buffer {
    const problem = nameProblem(topic);
    if (problem !== undefined) throw invalid(`topic "${topic}" cannot be used: ${problem}.`);
    const bytes = typeof body === 'string' ? Buffer.from(body) : body;
    const { maxMessageBytes } = this.#options;
    if (bytes.length === 0) throw invalid(`a message for "${topic}" is empty, and nsqd refuses those.`);
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
        // n.b. in the next turn, when the node counts as up.
        queueMicrotask(() => this.#tellWaiting());
      },
      lost: () => undefined,
      down: (error) => this.#options.onDown?.(address, error),
    };
  }

  #tellWaiting(): void {
    this.#tellAnyOne();
    this.#anyOne = undefined;
  }
}

/** Where nsqd are named, nsqlookupd adds none: it may list nodes of other services, or ones that this host cannot reach. */
function placesToPublish({ nsqd = [], lookupd, lookupIntervalMs }: NsqPlaces): NsqPlaces {
  if (nsqd.length > 0) return { nsqd };
  return { ...(lookupd && { lookupd }), ...(lookupIntervalMs && { lookupIntervalMs }) };
}

/** Connections that one message is offered to, before its caller is told. */
const MOST_TRIES = 3;

const invalid = (message: string): NsqError => new NsqError('invalid', message);
