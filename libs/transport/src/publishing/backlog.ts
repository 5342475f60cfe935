import type { OutgoingMessage, PublishReceipt, TransportError } from '../contract/index.js';

/** A message and the publish call that waits for it. */
export interface Caller {
  readonly message: OutgoingMessage;
  readonly bytes: number;
  readonly resolve: (receipt: PublishReceipt) => void;
  readonly reject: (error: TransportError) => void;
  /** On the monotonic clock. */
  readonly since: number;
  isAnswered: boolean;
  /** It no longer counts as outstanding. */
  isReleased: boolean;
}

/** Maximum number of messages in one request: more gain nothing, and delay other publishes to the same topic. */
export const MAX_REQUEST_MESSAGES = 5_000;

/** Holds messages that wait for their request, oldest first. */
export class Backlog {
  #callers: Caller[] = [];
  /** Total number ever added, so that a flush can detect when the messages it saw have left. */
  #added = 0;
  #flushes: { readonly upTo: number; readonly resolve: () => void }[] = [];

  get size(): number {
    return this.#callers.length;
  }

  get oldest(): number | undefined {
    return this.#callers[0]?.since;
  }

  add(caller: Caller): void {
    this.#added++;
    this.#callers.push(caller);
  }

  /** Takes the next request: as many as fit into `maxBytes`, at least one. */
  take(maxBytes: number): Caller[] {
    let bytes = 0;
    let count = 0;
    while (count < this.#callers.length && count < MAX_REQUEST_MESSAGES) {
      bytes += (this.#callers[count] as Caller).bytes;
      if (bytes > maxBytes && count > 0) break;
      count++;
    }
    if (count === this.#callers.length) return this.takeAll();
    return this.#callers.splice(0, count);
  }

  /** Takes what fits both limits, possibly nothing. */
  takeFitting(maxBytes: number, limit: number): Caller[] {
    let bytes = 0;
    const end = Math.min(limit, this.#callers.length);
    let count = 0;
    while (count < end && (bytes += (this.#callers[count] as Caller).bytes) <= maxBytes) count++;
    return count === this.#callers.length ? this.takeAll() : this.#callers.splice(0, count);
  }

  takeAll(): Caller[] {
    const all = this.#callers;
    this.#callers = [];
    return all;
  }

  /** Callers are in order of time, so the late ones are at the front. */
  takeOlderThan(since: number): Caller[] {
    const fresh = this.#callers.findIndex((caller) => caller.since > since);
    return fresh === -1 ? this.takeAll() : this.#callers.splice(0, fresh);
  }

  /** Whether a flush waits for the requests so far. */
  get isFlushing(): boolean {
    return this.#flushes.length > 0;
  }

  /** Resolves when everything added so far has left and the requests that took it have ended. */
  passed(inFlight: number): Promise<void> {
    if (this.size + inFlight === 0) return Promise.resolve();
    return new Promise((resolve) => this.#flushes.push({ upTo: this.#added, resolve }));
  }

  /** Called when a request has ended and none is under way. */
  requestEnded(): void {
    if (this.#flushes.length === 0) return;
    const passed = this.#added - this.size;
    const done = this.#flushes.filter(({ upTo }) => upTo <= passed);
    this.#flushes = this.#flushes.filter(({ upTo }) => upTo > passed);
    for (const { resolve } of done) resolve();
  }
}
