/**
 * Each delay length has its own queue, because in a mixed queue a long delay would block the short ones behind it. Delays are rounded
 * up to a step, so that there are few queues.
 *
 * ```
 * 100 ms, 200 ms, 400 ms, ... 27.3 min, 54.6 min, ... 19.4 days
 * ```
 */
const FIRST_STEP_MS = 100;
/** A TTL must fit into 32 bits, which is 49.7 days. */
const STEPS = 25;
const LONGEST_STEP_MS = FIRST_STEP_MS * 2 ** (STEPS - 1);

/** Returns the shortest step that is not shorter than the delay, or the longest step. */
export function stepOf(delayMs: number): number {
  let step = FIRST_STEP_MS;
  while (step < delayMs && step < LONGEST_STEP_MS) step *= 2;
  return step;
}

export const isLongerThanAnyStep = (delayMs: number): boolean => delayMs > LONGEST_STEP_MS;

/** How long one delay queue is used before the next one replaces it. */
const DAY_MS = 86_400_000;
const HOUR_MS = 3_600_000;

/** A queue that holds messages of one group for one delay. */
export interface DelayQueue {
  readonly name: string;
  readonly ttlMs: number;
  /** The server deletes the queue this long after its declaration. */
  readonly expiresMs: number;
}

/**
 * Returns the current delay queue. The server deletes an expired queue with its messages, and neither publishing to a quorum queue nor
 * declaring it again counts as use. Each queue is therefore used for one period, and expires after every message that can be in it
 * has left:
 *
 * ```
 * period      |<-- published to -->|
 * waiting     |---------------------------- ttl -->|
 * queue       |..... expires: two periods and the ttl after its declaration .|
 * ```
 * @param now ms since the epoch. The clocks of members may differ by a period
 * @param lives `'short'` for the queue of an instance, which should leave few of these behind
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
