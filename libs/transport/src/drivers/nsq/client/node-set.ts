import { listNsqds, LookupPoll } from './lookup.js';
import type { NsqError } from './failure.js';
import { NsqNode, type NodeListener } from './node.js';
import type { NsqSettings } from './settings.js';

/** Where nsqd are: addresses, or found through nsqlookupd, or both. */
export interface NsqPlaces {
  /** Addresses of nsqd, `host:port`. */
  readonly nsqd?: readonly string[];
  /** Addresses of nsqlookupd over HTTP, `http://host:4161`. */
  readonly lookupd?: readonly string[];
  /** Milliseconds between two queries of nsqlookupd, varied by a sixth. @default 10000 */
  readonly lookupIntervalMs?: number;
}

/** Default of `lookupIntervalMs`, in milliseconds. */
export const LOOKUP_INTERVAL_MS = 10_000;
const EARLY_INTERVAL_MS = 1_000;
/** Milliseconds for which an unreachable nsqd that nsqlookupd no longer lists is a problem. Then it counts as removed. */
const REMOVED_AFTER_MS = 60_000;

export interface NodeSetListener {
  listenerFor(address: string): NodeListener;
  /** nsqlookupd was queried. */
  lookedUp(): void;
}

/**
 * Keeps a node for every configured or discovered nsqd. A node that nsqlookupd no longer lists is kept as long as its connection
 * lives: an nsqlookupd that was restarted or emptied must not stop delivery. After that it is dialled for one more minute, because
 * a crashed nsqd is not listed either, and its messages wait.
 */
export class NodeSet {
  readonly #places: NsqPlaces;
  readonly #topic: string | undefined;
  readonly #settings: NsqSettings;
  readonly #listener: NodeSetListener;
  readonly #nodes = new Map<string, NsqNode>();
  /** The HTTP address of an nsqd, as nsqlookupd last listed it. */
  readonly #httpUrls = new Map<string, string>();
  /** Since when a node is unreachable and not listed, on the monotonic clock. */
  readonly #goneSinceMs = new Map<string, number>();
  readonly #poll: LookupPoll | undefined;
  #lookupProblems: readonly NsqError[] = [];
  #closed = false;

  /** @param topic whose nsqd are discovered; undefined: all registered nsqd */
  constructor(places: NsqPlaces, topic: string | undefined, settings: NsqSettings, listener: NodeSetListener) {
    this.#places = places;
    this.#topic = topic;
    this.#settings = settings;
    this.#listener = listener;
    if (places.lookupd === undefined || places.lookupd.length === 0) return;
    const { clock } = settings;
    const intervalMs = places.lookupIntervalMs ?? LOOKUP_INTERVAL_MS;
    this.#poll = new LookupPoll(
      // Without any known nsqd, discovery is all there is to do.
      () => (this.#nodes.size === 0 ? Math.min(intervalMs, EARLY_INTERVAL_MS) : intervalMs),
      (delayMs, action) => clock.schedule(delayMs, action),
      () => this.#discover(),
    );
  }

  get nodes(): readonly NsqNode[] {
    return [...this.#nodes.values()];
  }

  get lookupProblems(): readonly NsqError[] {
    return this.#lookupProblems;
  }

  /** Returns the HTTP address of an nsqd; undefined if nsqlookupd never listed it. */
  httpUrlOf({ address }: NsqNode): string | undefined {
    return this.#httpUrls.get(address.text);
  }

  /** Resolves when nsqlookupd was queried and every node was tried once. Never rejects. */
  async start(): Promise<void> {
    for (const address of this.#places.nsqd ?? []) this.#add(address);
    await this.#discover();
    await Promise.all(this.nodes.map((node) => node.tried()));
    if (!this.#closed) this.#poll?.start();
  }

  /** Tries each disconnected node once, now. */
  async tryAll(): Promise<void> {
    if (this.#nodes.size === 0) await this.#discover();
    await Promise.all(this.nodes.map((node) => node.tryNow()));
  }

  /** As `tryAll`, without a dial or a lookup that is scheduled anyway. */
  async tryFresh(): Promise<void> {
    await Promise.all(this.nodes.map((node) => node.tryFresh()));
  }

  async close(): Promise<void> {
    this.#closed = true;
    this.#poll?.close();
    await Promise.all(this.nodes.map((node) => node.close()));
  }

  async #discover(): Promise<void> {
    if (this.#poll === undefined) return;
    const { nsqds, problems } = await listNsqds(this.#places.lookupd ?? [], this.#topic);
    this.#lookupProblems = problems;
    if (this.#closed) return;
    for (const { address, httpUrl } of nsqds) {
      this.#httpUrls.set(address, httpUrl);
      this.#add(address);
    }
    const found = nsqds.map(({ address }) => address);
    if (problems.length === 0) this.#forgetGone(new Set([...found, ...(this.#places.nsqd ?? [])]));
    this.#listener.lookedUp();
  }

  #add(address: string): void {
    if (this.#nodes.has(address)) return;
    const node = new NsqNode(address, this.#settings, this.#listener.listenerFor(address));
    this.#nodes.set(address, node);
    void node.tryNow();
  }

  #forgetGone(known: ReadonlySet<string>): void {
    const now = this.#settings.clock.monotonicMs();
    for (const [address, node] of this.#nodes) {
      const sinceMs = this.#goneSinceMs.get(address) ?? now;
      const isGone = !known.has(address) && node.connection === undefined;
      if (isGone) this.#goneSinceMs.set(address, sinceMs);
      else this.#goneSinceMs.delete(address);
      if (isGone && now - sinceMs >= REMOVED_AFTER_MS) this.#forget(address, node);
    }
  }

  #forget(address: string, node: NsqNode): void {
    this.#nodes.delete(address);
    this.#httpUrls.delete(address);
    this.#goneSinceMs.delete(address);
    void node.close();
  }
}
