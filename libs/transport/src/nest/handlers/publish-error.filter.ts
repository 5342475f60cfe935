import { STATUS_CODES } from 'node:http';
import { Catch, HttpStatus, type ArgumentsHost, type HttpServer } from '@nestjs/common';
import { BaseExceptionFilter } from '@nestjs/core';
import { throwError, type Observable } from 'rxjs';
import { ERROR_CODES, TransportError, type ErrorCode, type StoredState } from '../../contract/index.js';

/** Permanent failures that the content of the request causes. */
const OF_THE_REQUEST: readonly ErrorCode[] = ['TRANSPORT_PAYLOAD_INVALID', 'TRANSPORT_MESSAGE_TOO_LARGE'];

/** What a client of an HTTP route receives for a failed publish. */
export interface PublishErrorBody {
  /** The HTTP status: 503, 422 or 500. */
  readonly statusCode: number;
  /** The phrase of the status: `Service Unavailable`. */
  readonly error: string;
  /** What the code means. Addresses, topics and payloads are in the log only. */
  readonly message: string;
  readonly code: ErrorCode;
  readonly retryable: boolean;
  /** Of a failed publish: with `'unknown'` the message may have been stored, so that a retry can store it twice. */
  readonly stored?: StoredState;
}

/**
 * Maps a `TransportError` that an HTTP route throws to a status: 503 with `Retry-After` where a retry can succeed, also on another instance while this one shuts down, 422 where the
 * payload is invalid or too large, 500 otherwise. Message handlers are not affected, also where the filter is global.
 *
 * ```ts
 * @Module({ providers: [{ provide: APP_FILTER, useClass: PublishErrorFilter }] })
 * ```
 * or `@UseFilters(PublishErrorFilter)`, or `app.useGlobalFilters(new PublishErrorFilter(app.getHttpAdapter()))`.
 */
@Catch(TransportError)
export class PublishErrorFilter extends BaseExceptionFilter<TransportError> {
  /** Seconds that a client should wait before it retries, for the header `Retry-After`. Override it in a subclass. */
  protected readonly retryAfterSeconds: number = 5;

  /** Replies to the HTTP request. @throws TransportError the error itself, where the filter was created without an HTTP adapter */
  override catch(error: TransportError, host: ArgumentsHost): void | Observable<never> {
    // A message handler keeps its error, which decides about retry and dead letter.
    if (host.getType() !== 'http') return throwError(() => error);
    const http = this.applicationRef ?? this.httpAdapterHost?.httpAdapter;
    if (http === undefined) throw error;
    this.#reply(http, host.switchToHttp().getResponse<unknown>(), error);
  }

  #reply(http: HttpServer, response: unknown, error: TransportError): void {
    const body = bodyOf(error);
    if (http.isHeadersSent(response)) return void http.end(response);
    if (body.statusCode === 503) http.setHeader(response, 'Retry-After', `${this.retryAfterSeconds}`);
    http.reply(response, body, body.statusCode);
  }
}

function bodyOf({ code, retryable, stored }: TransportError): PublishErrorBody {
  const statusCode = statusOf(code, retryable);
  return {
    statusCode,
    error: STATUS_CODES[statusCode] ?? '',
    message: ERROR_CODES[code],
    code,
    retryable,
    ...(stored === undefined ? {} : { stored }),
  };
}

function statusOf(code: ErrorCode, retryable: boolean): HttpStatus {
  // An instance that shuts down cannot publish any more; another one can.
  if (retryable || code === 'TRANSPORT_CLOSED') return HttpStatus.SERVICE_UNAVAILABLE;
  return OF_THE_REQUEST.includes(code) ? HttpStatus.UNPROCESSABLE_ENTITY : HttpStatus.INTERNAL_SERVER_ERROR;
}
