import type { Clock } from '../../contract/index.js';

/** Waits for the work, but no longer than the limit. Never rejects. */
export async function within(clock: Clock, limitMs: number, work: Promise<unknown>): Promise<void> {
  let callOff = (): void => undefined;
  const limit = new Promise<void>((resolve) => (callOff = clock.schedule(limitMs, resolve)));
  await Promise.race([work.then(ignore, ignore), limit]);
  callOff();
}

/** Resolves after a time. */
export const sleep = (clock: Clock, ms: number): Promise<void> => new Promise((resolve) => clock.schedule(ms, resolve));

const ignore = (): void => undefined;
