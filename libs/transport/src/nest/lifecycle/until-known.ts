import type { Clock, Notices } from '../../contract/index.js';

/** The longest time a start waits for a broker, in milliseconds; the connection attempt continues after it. */
export const START_PATIENCE_MS = 5_000;

/**
 * Waits until work on a broker is done, has failed permanently (rejects), or the broker is known to be unreachable.
 * An unreachable broker does not fail the start.
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
