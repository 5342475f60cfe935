import { messageOf, restated, TransportError, type OutgoingMessage } from '../contract/index.js';

/*
 * Why a message was not sent: what each refusal says to whoever published it. All of them end before the broker is asked.
 */

/** The publisher was used outside its life. */
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

/** The transport was closed while somebody waited for the answer. */
export function unanswered(driver: string, topic: string): TransportError {
  return new TransportError(
    'TRANSPORT_CLOSED',
    `[${driver}] the request to "${topic}" had no answer when the transport was closed. If it was sent, it may still be handled.`,
    { driver, topic, stored: 'unknown' },
  );
}

/** Whatever stopped a message before it was sent: schemas, codecs and key functions are other people's code. */
export function notMade(error: unknown, driver: string, topic: string): TransportError {
  const details = { driver, topic, stored: 'no' } as const;
  if (error instanceof TransportError) return error.stored === undefined ? restated(error, details) : error;
  return new TransportError(
    'TRANSPORT_PUBLISH_FAILED',
    `[${driver}] a message for "${topic}" could not be made, and nothing was sent: ${messageOf(error)}.`,
    { ...details, cause: error },
  );
}

/** A schema or codec is asynchronous and has not answered. */
export function notMadeInTime(driver: string, topic: string, option: string, timeoutMs: number): TransportError {
  return new TransportError(
    'TRANSPORT_PUBLISH_TIMEOUT',
    `[${driver}] the schema or codec of a message for "${topic}" did not answer within ${timeoutMs} ms (${option}); nothing was sent.`,
    { driver, topic, stored: 'no', retryable: true },
  );
}

/** The broker was too slow for those who came before. */
export function noPlace(
  driver: string,
  topic: string,
  { publishTimeoutMs, maxOutstanding }: { readonly publishTimeoutMs: number; readonly maxOutstanding: number },
): TransportError {
  return new TransportError(
    'TRANSPORT_PUBLISH_TIMEOUT',
    `[${driver}] a message for "${topic}" waited ${publishTimeoutMs} ms (publishTimeoutMs) for a place among ${maxOutstanding} outstanding messages (maxOutstanding) and was not sent.`,
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
    `[${driver}] a message for "${topic}" has ${bytes} bytes (body ${body?.length ?? 0}), the limit is ${maxBytes}. Send less, or a reference to where the data is.`,
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
    `Cannot publish to "${topic}": the key function of event "${type}" returned undefined, and without a key the message has no order. Check the payload, give the publish a key, or define the event with optionalKey: true.`,
    { topic, stored: 'no' },
  );
}
