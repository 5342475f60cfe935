/**
 * Retries in tiers: `maxAttempts` quick attempts, a long wait on the broker, as many again.
 *
 * ```
 * { maxAttempts: 3, redeliveryDelaysMs: [60_000, 600_000] }
 *
 * attempt   1 2 3          4 5 6           7 8 9
 *                 ..60 s..       ..600 s..       dead letter
 * ```
 * All of it follows from the number of the attempt, which the broker counts or keeps: whichever process is given the message
 * next knows where it stands. Pure.
 */
export interface Tiers {
  /** Attempts of one tier. */
  readonly maxAttempts: number;
  /** Milliseconds between one tier and the next. */
  readonly redeliveryDelaysMs?: readonly number[] | undefined;
}

/** Attempts at one message, over all tiers. */
export const attemptsInAll = ({ maxAttempts, redeliveryDelaysMs = [] }: Tiers): number =>
  maxAttempts * (redeliveryDelaysMs.length + 1);

/** Whether there is more than one tier. */
export const hasTiers = ({ redeliveryDelaysMs = [] }: Tiers): boolean => redeliveryDelaysMs.length > 0;

/** The number of an attempt within its tier, from 1 on. */
export const attemptInTier = (attempt: number, { maxAttempts }: Tiers): number => ((attempt - 1) % maxAttempts) + 1;

/** All long waits of one message together, in ms. */
export const longWaitsMs = ({ redeliveryDelaysMs = [] }: Tiers): number =>
  redeliveryDelaysMs.reduce((sum, waitMs) => sum + waitMs, 0);

/** The number of the tier that ends with this attempt, from 1 on; undefined within a tier, and after the last one. */
export function tierEndedBy(attempt: number, tiers: Tiers): number | undefined {
  return waitAfterTier(attempt, tiers) === undefined ? undefined : attempt / tiers.maxAttempts;
}

/** How long a message waits on the broker after this attempt, in ms; undefined within a tier, and after the last one. */
export function waitAfterTier(attempt: number, { maxAttempts, redeliveryDelaysMs = [] }: Tiers): number | undefined {
  return attempt % maxAttempts === 0 ? redeliveryDelaysMs[attempt / maxAttempts - 1] : undefined;
}
