/** Time as the library sees it; a test hands in its own. */
export interface Clock {
  /** Milliseconds since the epoch, for what people and headers read. */
  now(): number;
  /** Milliseconds that never jump, for deadlines and delays. */
  monotonicMs(): number;
  /** Runs `action` once after `delayMs`; the returned function calls it off. A scheduled action keeps the process alive. */
  schedule(delayMs: number, action: () => void): () => void;
}

const LONGEST_TIMER_MS = 2 ** 31 - 1;

/** The machine's own time and timers. */
export const systemClock: Clock = {
  now: () => Date.now(),
  monotonicMs: () => performance.now(),
  schedule: (delayMs, action) => {
    const dueMs = performance.now() + delayMs;
    let timer: NodeJS.Timeout;
    // n.b. a timer of Node runs at once when its delay is longer than 24.8 days, so a longer one is waited for in parts.
    const wait = (): void => {
      const leftMs = dueMs - performance.now();
      timer = leftMs > LONGEST_TIMER_MS ? setTimeout(wait, LONGEST_TIMER_MS) : setTimeout(action, leftMs);
    };
    wait();
    return () => clearTimeout(timer);
  },
};
