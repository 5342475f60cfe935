/** Time as the library sees it; a test hands in its own. */
export interface Clock {
  /** Milliseconds since the epoch, for what people and headers read. */
  now(): number;
  /** Milliseconds that never jump, for deadlines and delays. */
  monotonicMs(): number;
  /** Runs `action` once after `delayMs`; the returned function calls it off. A scheduled action keeps the process alive. */
  schedule(delayMs: number, action: () => void): () => void;
}
