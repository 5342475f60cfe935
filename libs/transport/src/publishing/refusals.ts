import { messageOf, restated, TransportError, type OutgoingMessage } from '../contract/index.js';

/* Errors of a publish that fails before the broker is contacted. */

/** Creates the error of a publish before the start or after the close. */
export function outOfLife(driver: string, topic: string, phase: 'not started' | 'closed'): TransportError {
  if (phase === 'closed') {
    return new TransportError(
      'TRANSPORT_CLOSED',
      `[${driver}] cannot publish to "${topic}": the transport is closed. Publish before the application's shutdown hooks end.`,
      { driver, topic, stored: 'no' },
    );
  }
  return new TransportError(
    'TRANSPORT_NOT_STARTED',
    `[${driver}] cannot publish to "${topic}": the transport has not started. Publish after the application's bootstrap, and call connectTransport(app) in main.`,
    { driver, topic, stored: 'no' },
  );
}

/** Creates the error of a request whose transport was closed before the reply. */
export function unanswered(driver: string, topic: string): TransportError {
  return new TransportError(
    'TRANSPORT_CLOSED',
    `[${driver}] the request to "${topic}" had no reply when the transport was closed. If it was sent, it may still be handled.`,
    { driver, topic, stored: 'unknown' },
  );
}

/** Wraps any error before the send: schemas, codecs and key functions are foreign code. */
export function notMade(error: unknown, driver: string, topic: string): TransportError {
  const details = { driver, topic, stored: 'no' } as const;
  if (error instanceof TransportError) return error.stored === undefined ? restated(error, details) : error;
  return new TransportError(
    'TRANSPORT_PUBLISH_FAILED',
    `[${driver}] a message for "${topic}" could not be prepared, and nothing was sent: ${messageOf(error)}.`,
    { ...details, cause: error },
  );
}

/** Creates the error of an asynchronous schema or codec that did not finish in time. */
export function notMadeInTime(driver: string, topic: string, option: string, timeoutMs: number): TransportError {
  return new TransportError(
    'TRANSPORT_PUBLISH_TIMEOUT',
    `[${driver}] the schema or codec of a message for "${topic}" did not finish within ${timeoutMs} ms (${option}); nothing was sent.`,
    { driver, topic, stored: 'no', retryable: true },
  );
}

/** Creates the error of a publish that found no room, because the broker was too slow for earlier ones. */
export function noPlace(
  driver: string,
  topic: string,
  { publishTimeoutMs, maxOutstanding }: { readonly publishTimeoutMs: number; readonly maxOutstanding: number },
): TransportError {
  return new TransportError(
    'TRANSPORT_PUBLISH_TIMEOUT',
    `[${driver}] a message for "${topic}" was not sent: it waited ${publishTimeoutMs} ms (publishTimeoutMs) while ${maxOutstanding} messages (maxOutstanding) were outstanding.`,
    { driver, topic, stored: 'no', retryable: true },
  );
}

export function tooLarge(
  driver: string,
  { topic, body }: OutgoingMessage,
  bytes: number,
  maxBytes: number,
): TransportError {
  return new TransportError(
    'TRANSPORT_MESSAGE_TOO_LARGE',
    `[${driver}] a message for "${topic}" has ${bytes} bytes (body ${body?.length ?? 0}); the limit is ${maxBytes}. Send less, or a reference to the data.`,
    { driver, topic, stored: 'no' },
  );
}

export function badKeyFunction(type: string, topic: string, cause: unknown): TransportError {
  return new TransportError(
    'TRANSPORT_KEY_INVALID',
    `The key function of event "${type}" failed: ${messageOf(cause)}.`,
    { topic, stored: 'no', cause },
  );
}

export function missingKey(type: string, topic: string): TransportError {
  return new TransportError(
    'TRANSPORT_KEY_INVALID',
    `Cannot publish to "${topic}": the key function of event "${type}" returned undefined, and without a key the message has no order. Check the payload, set a key, or define the event with optionalKey: true.`,
    { topic, stored: 'no' },
  );
}
