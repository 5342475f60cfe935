import type { Clock } from '../../contract/index.js';

/** Resolves after `ms`. */
export const sleep = (clock: Clock, ms: number): Promise<void> => new Promise((resolve) => clock.schedule(ms, resolve));

/** Resolves after `ms`, or as soon as `ended` is aborted. */
export function pause(clock: Clock, ms: number, ended: AbortSignal): Promise<void> {
  if (ended.aborted) return Promise.resolve();
  return new Promise((resolve) => {
    const end = (): void => {
      callOff();
      ended.removeEventListener('abort', end);
      resolve();
    };
    const callOff = clock.schedule(ms, end);
    ended.addEventListener('abort', end, { once: true });
  });
}

/** Waits until the work has ended, successfully or not, but no longer than `limitMs`. Never rejects. */
export async function within(clock: Clock, limitMs: number, work: Promise<unknown>): Promise<void> {
  const ended = new AbortController();
  const end = (): void => ended.abort();
  work.then(end, end);
  await pause(clock, limitMs, ended.signal);
}
