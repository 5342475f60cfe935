import type { Classification } from './classification.js';
import type { RetryOptions } from './consuming-options.js';

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
 * @param attempt the one that failed, 1-based
 * @param random a number in [0, 1)
 */
export function decide(
  classification: Classification,
  attempt: number,
  retry: Required<RetryOptions>,
  random: number,
): Verdict {
  const { kind } = classification;
  if (kind === 'drop') return { kind, reason: classification.reason };
  if (kind === 'permanent' || attempt >= retry.maxAttempts) return REJECT;
  const delayMs = kind === 'retry-after' ? classification.delayMs : backoffMs(attempt, retry, random);
  return { kind: 'retry', delayMs };
}

/**
 * Exponential backoff with full jitter: anything from 0 to `initialDelayMs` after attempt 1, to twice that after
 * attempt 2, and so on up to `maxDelayMs`. Source: AWS Architecture Blog, "Exponential Backoff And Jitter" (2015).
 */
export function backoffMs(attempt: number, retry: Required<RetryOptions>, random: number): number {
  const ceiling = Math.min(retry.maxDelayMs, retry.initialDelayMs * 2 ** (attempt - 1));
  return Math.round(random * ceiling);
}
