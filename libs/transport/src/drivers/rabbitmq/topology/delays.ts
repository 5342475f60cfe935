/**
 * Delays are kept by queues, one per length: in a queue of mixed delays a long one would hold up the short ones behind it.
 * So that there are few, a delay is rounded up to a step.
 *
 * ```
 * 100 ms, 200 ms, 400 ms, ... 27.3 min, 54.6 min, ... 19.4 days
 * ```
 */
const FIRST_STEP_MS = 100;
/** n.b. a time to live has to fit into 32 bits, which is 49.7 days. */
const STEPS = 25;
const LONGEST_STEP_MS = FIRST_STEP_MS * 2 ** (STEPS - 1);

/** The step that is not shorter than the delay; for a delay longer than all of them the longest. */
export function stepOf(delayMs: number): number {
  let step = FIRST_STEP_MS;
  while (step < delayMs && step < LONGEST_STEP_MS) step *= 2;
  return step;
}

export const isLongerThanAnyStep = (delayMs: number): boolean => delayMs > LONGEST_STEP_MS;

/** How long one delay queue is used before the next takes its place. */
const DAY_MS = 86_400_000;
const HOUR_MS = 3_600_000;

/** A queue that keeps messages of one group for one length of time. */
export interface DelayQueue {
  readonly name: string;
  readonly ttlMs: number;
  /** The server deletes the queue so long after it was made. */
  readonly expiresMs: number;
}

/**
 * The delay queue of the moment. The server deletes a queue that expires with what is in it, and it does not count a quorum
 * queue as used because it is published to or declared again. So each is used for one period, and expires after everything
 * that can have come into it has left:
 *
 * ```
 * period      |<-- published to -->|
 * waiting     |---------------------------- ttl -->|
 * queue       |..... expires: two periods and the ttl after it was made .....|
 * ```
 * @param now milliseconds since the epoch. Members' clocks may differ by a period
 * @param lives `'short'` for the queue of an instance, which leaves few of these behind
 */
export function delayQueueOf(queue: string, stepMs: number, now: number, lives: 'long' | 'short'): DelayQueue {
  const periodMs = lives === 'long' ? DAY_MS : HOUR_MS;
  const period = Math.floor(now / periodMs);
  return {
    name: `${queue}:retry-${stepMs}-${period}`,
    ttlMs: stepMs,
    expiresMs: Math.min(2 * periodMs + stepMs + HOUR_MS, 2 ** 32 - 1),
  };
}
