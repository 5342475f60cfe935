import type { Clock } from '../../contract/index.js';

/** Waits for the work, but no longer than the limit. Never rejects. */
export async function within(clock: Clock, limitMs: number, work: Promise<unknown>): Promise<void> {
  let callOff = (): void => undefined;
  const limit = new Promise<void>((resolve) => (callOff = clock.schedule(limitMs, resolve)));
  await Promise.race([work.then(ignore, ignore), limit]);
  callOff();
}

const ignore = (): void => undefined;
