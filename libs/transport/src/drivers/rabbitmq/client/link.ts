import type { ChannelModel } from 'amqplib';
import type { Clock, TransportError } from '../../../contract/index.js';
import { ConnectionLease } from './connection-lease.js';
import type { Dialed, Dialer } from './dialer.js';
import { errorOf, replyTextOf } from './failures.js';
import { pause, within } from '../../kit/waits.js';

const FIRST_WAIT_MS = 100;
const LONGEST_WAIT_MS = 3_000;
/** After a failure `open` does not dial for this long: twice the longest pause of the scheduled attempts. */
const FIRST_REST_MS = 400;
const LONGEST_REST_MS = 6_000;
/** How long the server may take to close the connection before the socket is destroyed. */
const GOODBYE_MS = 2_000;

/** Listeners for the state of a link. */
export interface LinkWatcher {
  opened?(): void;
  lost?(error: TransportError): void;
  /** @param reason of the server; undefined when it accepts publishes again */
  blocked?(reason: string | undefined): void;
}

/**
 * One AMQP connection that reconnects when it is lost. The first `open` or `dial` opens it; from then on it reconnects until it is
 * closed.
 */
export class Link {
  readonly #dialer: Dialer;
  readonly #clock: Clock;
  readonly #watchers = new Set<LinkWatcher>();
  readonly #closing = new AbortController();
  #dialed: Dialed | undefined;
  #lease: ConnectionLease | undefined;
  #opening: Promise<ChannelModel> | undefined;
  #callOffRetry: (() => void) | undefined;
  #error: TransportError | undefined;
  /** The last attempt failed, and `open` fails with the same error until then. */
  #failed: { readonly error: TransportError; readonly untilMs: number; readonly restMs: number } | undefined;
  #blocked: string | undefined;
  #closed: Promise<void> | undefined;

  constructor(dialer: Dialer, clock: Clock) {
    this.#dialer = dialer;
    this.#clock = clock;
  }

  get model(): ChannelModel | undefined {
    return this.#dialed?.model;
  }

  /** The lease of the current connection; undefined without one. */
  get lease(): ConnectionLease | undefined {
    if (this.#dialed === undefined) return undefined;
    return (this.#lease ??= leaseOf(this.#dialed.model, this.#clock));
  }

  /** Why the connection was lost; undefined while there is one. */
  get error(): TransportError | undefined {
    return this.#error;
  }

  /** Why the server blocks publishes now. */
  get blockedBecause(): string | undefined {
    return this.#blocked;
  }

  get isClosed(): boolean {
    return this.#closed !== undefined;
  }

  /** Adds a watcher. Returns a function that removes it. */
  watch(watcher: LinkWatcher): () => void {
    this.#watchers.add(watcher);
    return () => void this.#watchers.delete(watcher);
  }

  /**
   * Returns the connection, or tries once to open it unless an attempt has just failed. However many publishes ask, an unreachable
   * server is dialed only at the pace of the backoff. @throws TransportError
   */
  open(): Promise<ChannelModel> {
    const failed = this.#failed;
    const rests = failed !== undefined && this.#opening === undefined && this.#clock.monotonicMs() < failed.untilMs;
    return rests && !this.isClosed ? Promise.reject(failed.error) : this.dial();
  }

  /** As `open`, but also right after a failure, for callers with their own backoff. @throws TransportError */
  dial(): Promise<ChannelModel> {
    if (this.isClosed) return Promise.reject(errorOf('TRANSPORT_CLOSED', 'the connection is closed.'));
    const { model } = this;
    if (model !== undefined) return Promise.resolve(model);
    this.#opening ??= this.#open()
      .catch((error: TransportError) => this.#rest(error))
      .finally(() => (this.#opening = undefined));
    return this.#opening;
  }

  /** Resolves with the connection, or with undefined after `ms`, or when the link is closed. */
  whenOpen(ms: number): Promise<ChannelModel | undefined> {
    if (this.model !== undefined || this.isClosed) return Promise.resolve(this.model);
    const ended = new AbortController();
    const unwatch = this.watch({ opened: () => ended.abort() });
    return pause(this.#clock, ms, AbortSignal.any([ended.signal, this.#closing.signal])).then(() => {
      unwatch();
      return this.model;
    });
  }

  close(): Promise<void> {
    this.#closed ??= this.#close();
    return this.#closed;
  }

  async #open(): Promise<ChannelModel> {
    const dialed = await this.#dialer.dial(this.#closing.signal);
    if (this.#closing.signal.aborted) {
      dialed.destroy();
      throw errorOf('TRANSPORT_CLOSED', 'the connection was closed while it was being opened.');
    }
    this.#callOffRetry?.();
    this.#callOffRetry = undefined;
    this.#adopt(dialed);
    return dialed.model;
  }

  #rest(error: TransportError): never {
    const restMs = Math.min(LONGEST_REST_MS, (this.#failed?.restMs ?? FIRST_REST_MS / 2) * 2);
    this.#failed = { error, restMs, untilMs: this.#clock.monotonicMs() + restMs };
    throw error;
  }

  #adopt(dialed: Dialed): void {
    const { model } = dialed;
    this.#dialed = dialed;
    this.#error = undefined;
    this.#failed = undefined;
    // 'close' has the reason, also of a forced close. An 'error' event without a listener would end the process.
    model.on('error', () => undefined);
    model.on('close', (reason) => this.#lose(dialed, reason));
    model.on('blocked', (reason) => this.#tellBlocked(reason));
    model.on('unblocked', () => this.#tellBlocked(undefined));
    for (const watcher of [...this.#watchers]) watcher.opened?.();
  }

  #lose(dialed: Dialed, reason: Error | undefined): void {
    dialed.destroy();
    if (this.#dialed !== dialed) return;
    this.#dialed = undefined;
    this.#endLease();
    if (this.#blocked !== undefined) this.#tellBlocked(undefined);
    if (this.isClosed) return;
    const why = reason === undefined ? 'it was closed' : replyTextOf(reason);
    const error = errorOf('TRANSPORT_BROKER_UNREACHABLE', `the connection was lost: ${why}.`, {
      retryable: true,
      cause: reason,
    });
    this.#error = error;
    for (const watcher of [...this.#watchers]) watcher.lost?.(error);
    this.#retryIn(FIRST_WAIT_MS);
  }

  #endLease(): void {
    this.#lease?.end();
    this.#lease = undefined;
  }

  #retryIn(waitMs: number): void {
    const jittered = waitMs * (0.5 + Math.random() / 2);
    this.#callOffRetry = this.#clock.schedule(jittered, () => {
      this.#callOffRetry = undefined;
      this.dial().catch((error: TransportError) => {
        if (this.isClosed || this.#callOffRetry !== undefined) return;
        this.#error = error;
        this.#retryIn(Math.min(LONGEST_WAIT_MS, waitMs * 2));
      });
    });
  }

  #tellBlocked(reason: string | undefined): void {
    this.#blocked = reason;
    for (const watcher of [...this.#watchers]) watcher.blocked?.(reason);
  }

  async #close(): Promise<void> {
    this.#closing.abort();
    this.#callOffRetry?.();
    const dialed = this.#dialed;
    this.#endLease();
    if (dialed !== undefined) await this.#sayGoodbye(dialed);
    // Whoever opened it gets the failure; a close only waits for its end.
    await this.#opening?.catch(() => undefined);
  }

  async #sayGoodbye({ model, destroy }: Dialed): Promise<void> {
    await within(this.#clock, GOODBYE_MS, model.close());
    destroy();
  }
}

function leaseOf(model: ChannelModel, clock: Clock): ConnectionLease {
  const { heartbeat = 0, stream } = model.connection as unknown as {
    readonly heartbeat?: number;
    readonly stream?: { readonly bytesRead?: number };
  };
  return new ConnectionLease({
    clock,
    heartbeatMs: heartbeat * 1_000,
    bytesRead: () => stream?.bytesRead ?? 0,
    ask: async () => (await model.createChannel()).close(),
  });
}
