import type { Classification } from '../retry/classification.js';
import type { ResolvedRetryOptions } from '../retry/retry-options.js';
import { attemptInTier, attemptsInAll, waitAfterTier } from '../retry/tiers.js';

/** What becomes of a message whose handling failed. */
export type Verdict =
  | { readonly kind: 'drop'; readonly reason: string }
  | { readonly kind: 'retry'; readonly delayMs: number }
  | { readonly kind: 'reject' };

const REJECT: Verdict = { kind: 'reject' };

/**
 * | classification | attempts left | none left |
 * |----------------|---------------|-----------|
 * | retryable      | retry(backoff)| reject    |
 * | retry-after    | retry(delay)  | reject    |
 * | permanent      | reject        | reject    |
 * | drop           | drop          | drop      |
 *
 * At the end of a tier the wait is that of the tier, or the delay that was asked for where that is longer. A retry that would
 * begin after `deadlineMs` is none.
 *
 * @param attempt the one that failed, 1-based
 * @param random a number in [0, 1)
 * @param failingForMs since the first failure of this message
 */
export function decide(
  classification: Classification,
  attempt: number,
  retry: ResolvedRetryOptions,
  random: number,
  failingForMs = 0,
): Verdict {
  const { kind } = classification;
  if (kind === 'drop') return { kind, reason: classification.reason };
  if (kind === 'permanent' || attempt >= attemptsInAll(retry)) return REJECT;
  const askedForMs = kind === 'retry-after' ? classification.delayMs : undefined;
  const tierWaitMs = waitAfterTier(attempt, retry);
  const delayMs =
    tierWaitMs === undefined
      ? (askedForMs ?? backoffMs(attempt, retry, random))
      : Math.max(tierWaitMs, askedForMs ?? 0);
  return retry.deadlineMs !== undefined && failingForMs + delayMs > retry.deadlineMs
    ? REJECT
    : { kind: 'retry', delayMs };
}

/**
 * Exponential backoff with full jitter: anything from 0 to `initialDelayMs` after attempt 1, to twice that after
 * attempt 2, and so on up to `maxDelayMs`; with each tier it begins anew. Source: AWS Architecture Blog, "Exponential Backoff And Jitter" (2015).
 */
export function backoffMs(attempt: number, retry: ResolvedRetryOptions, random: number): number {
  const ceiling = Math.min(retry.maxDelayMs, retry.initialDelayMs * 2 ** (attemptInTier(attempt, retry) - 1));
  return Math.round(random * ceiling);
}
