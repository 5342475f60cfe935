import type { Clock } from '../../../contract/index.js';

/** The server gives up a connection from which nothing came for two heartbeats; we send one in each half. */
const CERTAIN_HEARTBEATS = 1.5;
/** Looks in one heartbeat. */
const LOOKS = 4;

/** What a lease is made of. */
export interface LeaseParts {
  readonly clock: Clock;
  /** As agreed with the server; 0: neither side looks whether the other one lives. */
  readonly heartbeatMs: number;
  /** Bytes that came so far. */
  readonly bytesRead: () => number;
  /** Resolves when the server has answered on this connection. */
  readonly ask: () => Promise<unknown>;
}

/**
 * Whether the server still counts a connection as alive, by the monotonic clock and not only by the last event: a process that
 * was stopped, or cut off, goes on with messages that have been with somebody else for a while. What is read after a stop may
 * be old, so only an answer of the server ends the doubt.
 */
export class ConnectionLease {
  readonly #parts: LeaseParts;
  readonly #limitMs: number;
  readonly #onConfirmed = new Set<() => void>();
  #bytes = -1;
  #aliveAtMs: number;
  #isDoubtful = false;
  #isAsking = false;
  #callOff: () => void = () => undefined;

  constructor(parts: LeaseParts) {
    this.#parts = parts;
    this.#limitMs = parts.heartbeatMs > 0 ? parts.heartbeatMs * CERTAIN_HEARTBEATS : Number.POSITIVE_INFINITY;
    this.#aliveAtMs = parts.clock.monotonicMs();
    if (parts.heartbeatMs > 0) this.#lookLater();
  }

  /** False: what came on this connection may be with somebody else. n.b. hot path. */
  get holds(): boolean {
    if (this.#isDoubtful) return false;
    if (this.#parts.clock.monotonicMs() - this.#aliveAtMs <= this.#limitMs) return true;
    this.#isDoubtful = true;
    void this.#ask();
    return false;
  }

  /** Called each time when a doubt has ended well. Returns a function that ends the watch. */
  whenConfirmed(listener: () => void): () => void {
    this.#onConfirmed.add(listener);
    return () => void this.#onConfirmed.delete(listener);
  }

  /** The connection is gone. */
  end(): void {
    this.#callOff();
    this.#isDoubtful = true;
    this.#onConfirmed.clear();
  }

  #lookLater(): void {
    this.#callOff = this.#parts.clock.schedule(this.#parts.heartbeatMs / LOOKS, () => {
      this.#lookLater();
      if (this.holds) this.#read();
      else void this.#ask();
    });
  }

  #read(): void {
    const bytes = this.#parts.bytesRead();
    if (bytes !== this.#bytes) this.#aliveAtMs = this.#parts.clock.monotonicMs();
    this.#bytes = bytes;
  }

  /** n.b. a connection that is gone does not answer, and says so by its own end. */
  async #ask(): Promise<void> {
    if (this.#isAsking) return;
    this.#isAsking = true;
    const isAnswered = await this.#parts.ask().then(
      () => true,
      () => false,
    );
    this.#isAsking = false;
    if (!isAnswered) return;
    this.#isDoubtful = false;
    this.#aliveAtMs = this.#parts.clock.monotonicMs();
    for (const listener of [...this.#onConfirmed]) listener();
  }
}
