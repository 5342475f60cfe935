import type { Clock } from '../../../contract/index.js';

/** Heartbeats without data until the lease is in doubt. The server closes a silent connection after two, and each side sends one per half. */
const CERTAIN_HEARTBEATS = 1.5;
/** Checks per heartbeat. */
const LOOKS = 4;

/** The parts of a lease. */
export interface LeaseParts {
  readonly clock: Clock;
  /** As negotiated with the server; 0 turns heartbeats off. */
  readonly heartbeatMs: number;
  /** Bytes received so far. */
  readonly bytesRead: () => number;
  /** Resolves when the server has responded on this connection. */
  readonly ask: () => Promise<unknown>;
}

/**
 * Tracks whether the server still counts a connection as alive, by the monotonic clock and not only by the last event. A process
 * that was suspended or cut off would otherwise continue with messages that another consumer has received. Data that is read after a
 * suspension may be old, so only a response of the server ends the doubt.
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

  /** False when another consumer may have received the messages of this connection. Hot path. */
  get holds(): boolean {
    if (this.#isDoubtful) return false;
    if (this.#parts.clock.monotonicMs() - this.#aliveAtMs <= this.#limitMs) return true;
    this.#isDoubtful = true;
    void this.#ask();
    return false;
  }

  /** Calls `listener` each time the server has confirmed the connection after a doubt. Returns a function that removes it. */
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

  /** Asks the server. A lost connection does not respond, and its close event is handled elsewhere. */
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
