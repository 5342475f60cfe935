import { TransportError, type ErrorCode } from '../contract/index.js';
import { DeadLetter, Drop, RetryAfter } from './outcomes.js';

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
  'TRANSPORT_CAPABILITY_ABSENT',
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
  if (error instanceof RetryAfter) return { kind: 'retry-after', delayMs: error.delayMs };
  if (error instanceof DeadLetter) return PERMANENT;
  if (error instanceof Drop) return { kind: 'drop', reason: error.message };
  return error instanceof TransportError && PERMANENT_CODES.has(error.code) ? PERMANENT : RETRYABLE;
}
