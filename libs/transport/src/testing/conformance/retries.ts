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
