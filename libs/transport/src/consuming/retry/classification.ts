import { isA, isTransportError, messageOf, type ErrorCode } from '../../contract/index.js';
import { DeadLetter, Drop, RetryAfter } from '../runner/outcomes.js';
import type { ErrorClass } from './retry-options.js';

/** What an error says about trying again; decided by the error alone, wherever it was thrown. */
export type Classification =
  | { readonly kind: 'retryable' }
  | { readonly kind: 'retry-after'; readonly delayMs: number }
  | { readonly kind: 'permanent' }
  | { readonly kind: 'drop'; readonly reason: string };

/** Looks at an error before the table does; undefined leaves it to the table. */
export type Classifier = (error: unknown) => Classification | undefined;

const RETRYABLE: Classification = { kind: 'retryable' };
const PERMANENT: Classification = { kind: 'permanent' };

/** Our own errors that another attempt cannot mend: the same bytes would fail the same way. */
const PERMANENT_CODES: ReadonlySet<ErrorCode> = new Set<ErrorCode>([
  'TRANSPORT_PAYLOAD_UNDECODABLE',
  'TRANSPORT_CONTENT_TYPE_UNKNOWN',
  'TRANSPORT_PAYLOAD_INVALID',
  'TRANSPORT_PAYLOAD_UNENCODABLE',
  'TRANSPORT_MESSAGE_TOO_LARGE',
  'TRANSPORT_KEY_INVALID',
  'TRANSPORT_HEADER_INVALID',
  'TRANSPORT_TOPIC_INVALID',
  'TRANSPORT_PARTITION_MISSING',
  'TRANSPORT_CAPABILITY_UNSUPPORTED',
  'TRANSPORT_ATTEMPTS_EXHAUSTED',
]);

/**
 * | thrown                              | classification |
 * |-------------------------------------|----------------|
 * | `RetryAfter(ms)`                    | retry-after    |
 * | `DeadLetter(reason)`                | permanent      |
 * | `Drop(reason)`                      | drop           |
 * | decode and schema failures, and our other errors that stay what they are | permanent |
 * | everything else, unknown included   | retryable      |
 */
export function classify(error: unknown): Classification {
  if (isA(error, RetryAfter)) return retryAfter(error.delayMs);
  if (isA(error, DeadLetter)) return PERMANENT;
  if (isA(error, Drop)) return { kind: 'drop', reason: messageOf(error) };
  return isTransportError(error) && PERMANENT_CODES.has(error.code) ? PERMANENT : RETRYABLE;
}

/**
 * Classifies whatever was thrown and never throws itself: a classifier that fails leaves the error to the table, and an error that cannot be
 * read is retryable, so its attempts are counted and it ends as a dead letter.
 */
export function classifySafely(
  error: unknown,
  classifier: Classifier | undefined,
  neverFor: readonly ErrorClass[] = [],
): Classification {
  if (neverFor.some((never) => isA(error, never))) return PERMANENT;
  return attempted(() => classifier?.(error)) ?? attempted(() => classify(error)) ?? RETRYABLE;
}

function attempted(classification: () => Classification | undefined): Classification | undefined {
  try {
    return classification();
  } catch {
    return undefined;
  }
}

/** n.b. the field of an error can be overwritten, and a timer of NaN milliseconds is due at once. */
function retryAfter(delayMs: number): Classification {
  return Number.isFinite(delayMs) && delayMs >= 0 ? { kind: 'retry-after', delayMs } : RETRYABLE;
}
