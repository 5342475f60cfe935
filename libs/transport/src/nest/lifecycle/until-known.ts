import type { Clock, Notices } from '../../contract/index.js';

/** A start waits no longer than this to learn how a broker is; the work itself goes on. */
export const START_PATIENCE_MS = 5_000;

/**
 * Waits until it is known how some work on a broker goes: it is done, it failed for good (rejects), or the broker turns out
 * to be away, which is no reason not to start.
 */
export function untilKnown(work: Promise<void>, broker: string, notices: Notices, clock: Clock): Promise<void> {
  return new Promise<void>((resolve, reject) => {
    const goOn = (): void => {
      callOff();
      silence();
      resolve();
    };
    const callOff = clock.schedule(START_PATIENCE_MS, goOn);
    const silence = notices.on('broker:unreachable', (notice) => {
      if (notice.broker === broker) goOn();
    });
    work.then(goOn, (error: unknown) => {
      callOff();
      silence();
      reject(error as Error);
    });
  });
}
