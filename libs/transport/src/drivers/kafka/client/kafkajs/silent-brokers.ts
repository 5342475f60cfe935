import type { Sockets } from './sockets.js';

/** A request without a response for this long triggers a query for the brokers of the cluster. */
const LATE_MS = 2_000;
const LOOK_MS = 500;
/** Pauses between two queries, doubling. */
const FIRST_PAUSE_MS = 1_000;
const LONGEST_PAUSE_MS = 5_000;
/** How long a query may take before another broker is asked. */
const ASK_LIMIT_MS = 4_000;

/**
 * Closes the connections to brokers that do not respond and that the cluster no longer lists. A broker that is suspended, or cut off
 * without a reset, keeps its connections. kafkajs waits `requestTimeoutMs` for each, and meanwhile its consumer does not read
 * from the other brokers either (it stops all fetchers together when the number of brokers changes).
 */
export class SilentBrokers {
  readonly #bootstrap: ReadonlySet<string>;
  readonly #ask: () => Promise<ReadonlySet<string>>;
  readonly #lateMs: number;
  readonly #watched = new Set<Sockets>();
  #timer: NodeJS.Timeout | undefined;
  #pauseMs = FIRST_PAUSE_MS;
  #askedAt = 0;
  #isAsking = false;
  /** Brokers that the cluster has listed. */
  #listed: ReadonlySet<string> = new Set();
  /** Late brokers that the last query did not list. No connection is opened to them until they are listed again. */
  #gone: ReadonlySet<string> = new Set();

  /**
   * @param maxWaitMs how long a broker may take for a fetch
   * @param bootstrap addresses that may belong to a load balancer instead of a broker
   * @param ask returns the addresses (`host:port`) of the brokers that the cluster lists
   */
  constructor(maxWaitMs: number, bootstrap: readonly string[], ask: () => Promise<ReadonlySet<string>>) {
    this.#bootstrap = new Set(bootstrap);
    this.#lateMs = LATE_MS + maxWaitMs;
    this.#ask = ask;
  }

  watch(sockets: Sockets): void {
    this.#watched.add(sockets);
    this.#timer ??= setInterval(() => this.#look(), LOOK_MS).unref();
  }

  isGone(broker: string): boolean {
    return this.#gone.has(broker);
  }

  #look(): void {
    for (const sockets of this.#watched) if (sockets.isClosed) this.#watched.delete(sockets);
    if (this.#watched.size === 0) return this.#stop();
    const now = performance.now();
    const late = this.#late(now);
    if (late.size === 0 && this.#gone.size === 0) return void (this.#pauseMs = FIRST_PAUSE_MS);
    if (this.#isAsking || now - this.#askedAt < this.#pauseMs) return;
    this.#isAsking = true;
    this.#pauseMs = Math.min(LONGEST_PAUSE_MS, this.#pauseMs * 2);
    void this.#endGone(late).finally(() => {
      this.#isAsking = false;
      this.#askedAt = performance.now();
    });
  }

  #late(now: number): Set<string> {
    return new Set([...this.#watched].flatMap((sockets) => sockets.late(now - this.#lateMs)));
  }

  async #endGone(late: ReadonlySet<string>): Promise<void> {
    const alive = await this.#askInTime();
    if (alive === undefined || alive.size === 0) return;
    this.#listed = new Set([...this.#listed, ...alive]);
    this.#gone = new Set([...this.#gone, ...late].filter((broker) => !alive.has(broker) && this.#isOwnAddress(broker)));
    for (const broker of this.#gone) for (const sockets of this.#watched) sockets.end(broker);
  }

  async #askInTime(): Promise<ReadonlySet<string> | undefined> {
    let timer: NodeJS.Timeout | undefined;
    const limit = new Promise<undefined>((resolve) => (timer = setTimeout(resolve, ASK_LIMIT_MS, undefined).unref()));
    // No answer is the result that is looked for: undefined says that it is not known which brokers are silent.
    return Promise.race([this.#ask().catch(() => undefined), limit]).finally(() => clearTimeout(timer));
  }

  /** False for a load balancer or an alias: the cluster does not list it, and it may be the only reachable address. */
  #isOwnAddress(broker: string): boolean {
    if (!this.#bootstrap.has(broker) || this.#listed.has(broker)) return true;
    return [...this.#watched].some((sockets) => sockets.leads(broker));
  }

  #stop(): void {
    clearInterval(this.#timer);
    this.#timer = undefined;
  }
}
