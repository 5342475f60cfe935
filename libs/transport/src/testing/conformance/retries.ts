import type { Handler, RetryOptions } from '../../consuming/index.js';

/** Five attempts, as by default, without the default's patience. */
export const QUICK_RETRY = { maxAttempts: 5, initialDelayMs: 10, maxDelayMs: 40 } as const satisfies RetryOptions;

/** Fails the first attempts at every message that `which` names, then returns. */
export function failFirst(attempts: number, which: (payload: never) => boolean = () => true): Handler {
  return (payload, { attempt }) => {
    if (attempt <= attempts && which(payload as never)) throw new Error(`attempt ${attempt} fails, as planned`);
  };
}

/** Fails every attempt. */
export const alwaysFail: Handler = (_, { attempt }) => {
  throw new TypeError(`attempt ${attempt} fails, as always`);
};

/**
 * A delay that a process of the suite does not live to see the end of, and that the next one can wait for: a broker that
 * keeps delays itself brings the message back when it is over, and not before.
 */
export const LONGER_THAN_THE_PROCESS_MS = 2_000;
