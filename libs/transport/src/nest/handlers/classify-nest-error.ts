import { classify, type Classification } from '../../consuming/index.js';

const RETRYABLE: Classification = { kind: 'retryable' };
const PERMANENT: Classification = { kind: 'permanent' };

/** The 4xx statuses for which a retry can succeed: timeout, too early, too many requests. */
const RETRYABLE_CLIENT_ERRORS: ReadonlySet<number> = new Set([408, 425, 429]);

/** Nest's message when a guard returns false. */
const GUARD_DENIED = 'Forbidden resource';

interface Like {
  readonly getStatus?: () => unknown;
  readonly getError?: () => unknown;
  readonly message?: unknown;
  readonly status?: unknown;
  readonly statusCode?: unknown;
}

/**
 * Decides whether an error of Nest is retryable; undefined leaves the error to the library's table.
 *
 * | thrown                                                                   | classification                     |
 * |--------------------------------------------------------------------------|------------------------------------|
 * | `HttpException` with 4xx (a `ValidationPipe`'s `BadRequestException`, ...) | permanent; 408, 425, 429 retryable |
 * | other `HttpException`s                                                   | retryable                          |
 * | a guard's refusal                                                        | permanent                          |
 * | `RpcException`                                                           | as the error or status inside it   |
 * | what Nest makes of an error that nobody kept ("Internal server error")   | retryable                          |
 */
export function classifyNestError(error: unknown): Classification | undefined {
  if (typeof error !== 'object' || error === null) return undefined;
  const { getStatus, getError, message } = error as Like;
  // Detected by shape and not by class: an application may hold two copies of @nestjs/common.
  if (typeof getStatus === 'function') return byStatus(getStatus.call(error));
  if (typeof getError === 'function')
    return message === GUARD_DENIED ? PERMANENT : byContent(getError.call(error), error);
  return error instanceof Error ? undefined : byFields(error);
}

/** The error or status inside an `RpcException`. `KafkaRetriableException` returns itself. */
function byContent(content: unknown, rpcException: unknown): Classification {
  if (content === rpcException) return RETRYABLE;
  return classifyNestError(content) ?? classify(content);
}

/** An object instead of an error: from Nest's last filter, or from inside an `RpcException`. */
function byFields({ status, statusCode, message }: Like): Classification | undefined {
  if (message === GUARD_DENIED) return PERMANENT;
  const code = typeof statusCode === 'number' ? statusCode : status;
  return typeof code === 'number' ? byStatus(code) : undefined;
}

function byStatus(status: unknown): Classification {
  const isClientError = typeof status === 'number' && status >= 400 && status < 500;
  return isClientError && !RETRYABLE_CLIENT_ERRORS.has(status) ? PERMANENT : RETRYABLE;
}
