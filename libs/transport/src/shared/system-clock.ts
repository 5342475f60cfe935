import type { Clock } from '../contract/index.js';

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
