import type { Classification } from './classification.js';
import type { ResolvedRetryOptions } from './consuming-options.js';

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
 * A retry that would begin after `deadlineMs` is none.
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
  if (kind === 'permanent' || attempt >= retry.maxAttempts) return REJECT;
  const delayMs = kind === 'retry-after' ? classification.delayMs : backoffMs(attempt, retry, random);
  return retry.deadlineMs !== undefined && failingForMs + delayMs > retry.deadlineMs
    ? REJECT
    : { kind: 'retry', delayMs };
}

/**
 * Exponential backoff with full jitter: anything from 0 to `initialDelayMs` after attempt 1, to twice that after
 * attempt 2, and so on up to `maxDelayMs`. Source: AWS Architecture Blog, "Exponential Backoff And Jitter" (2015).
 */
export function backoffMs(attempt: number, retry: ResolvedRetryOptions, random: number): number {
  const ceiling = Math.min(retry.maxDelayMs, retry.initialDelayMs * 2 ** (attempt - 1));
  return Math.round(random * ceiling);
}
