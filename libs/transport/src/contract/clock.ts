/** Provides the time and timers that the library uses; a test can pass its own. */
export interface Clock {
  /** Milliseconds since the epoch, for headers and for people. */
  now(): number;
  /** Milliseconds that never jump, for deadlines and delays. */
  monotonicMs(): number;
  /**
   * Runs `action` once after `delayMs`; the returned function cancels it. A scheduled action keeps the process alive.
   */
  schedule(delayMs: number, action: () => void): () => void;
}
