import type { Clock } from '../../../contract/index.js';

/** Resolves after `ms`, or when `ended` says so. */
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

/** Resolves when the work has ended, however, or after `ms`. Never rejects: what is to be told of the work, tell elsewhere. */
export async function atMost(clock: Clock, ms: number, work: Promise<unknown>): Promise<void> {
  const ended = new AbortController();
  const end = (): void => ended.abort();
  work.then(end, end);
  await pause(clock, ms, ended.signal);
}
