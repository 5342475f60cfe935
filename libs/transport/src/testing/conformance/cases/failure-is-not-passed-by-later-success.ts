import { RetryAfter } from '../../../consuming/index.js';
import type { ConformanceCase } from '../conformance-case.js';
import { LONGER_THAN_THE_PROCESS_MS } from '../retries.js';

const MESSAGES = 40;

export const failureIsNotPassedByLaterSuccess: ConformanceCase = {
  name: 'failure-is-not-passed-by-later-success',
  title: 'brings a failed message back after a restart, although later ones were settled before the process ended',
  capability: 'redelivery',
  ask: (stage) => stage.subscribe({ retry: { maxAttempts: 5 } }),
  async run(stage) {
    const publisher = await stage.publisher();
    await publisher.publishNumbers(MESSAGES, (n) => `${n}`);
    // Every fifth fails and waits longer than the process lives; those around it succeed.
    const failed = (n: number): boolean => n % 5 === 2;
    const first = await stage.subscribe({
      handle: (payload) => {
        if (failed((payload as { n: number }).n)) throw new RetryAfter(LONGER_THAN_THE_PROCESS_MS);
      },
    });
    await first.untilSettled((MESSAGES * 4) / 5);
    await first.close();

    await stage.subscribe();
    await stage.untilNothingIsOwed();
  },
};
