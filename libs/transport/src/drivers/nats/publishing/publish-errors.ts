import { TransportError, type OutgoingMessage } from '../../../contract/index.js';
import { errorOf } from '../client/failures.js';
import type { PubAnswer } from './pub-acks.js';

/*
 * Why a message was not stored, or may not have been: what each failure says to whoever published it.
 */

export function closedError({ topic }: OutgoingMessage, tries: number): TransportError {
  const stored = tries === 0 ? 'no' : 'unknown';
  return errorOf('TRANSPORT_CLOSED', `cannot publish to "${topic}": the connection is closed.`, { topic, stored });
}

export const unknownError = ({ topic }: OutgoingMessage, why: string): TransportError =>
  errorOf('TRANSPORT_PUBLISH_UNKNOWN', `cannot publish to "${topic}": ${why}. The message may have been stored.`, {
    topic,
    stored: 'unknown',
    retryable: true,
  });

export function refusedError(
  { topic }: OutgoingMessage,
  { code, status, text }: PubAnswer & { kind: 'refused' },
): TransportError {
  const what = `cannot publish to "${topic}": ${text} (JetStream's number ${code}).`;
  if (code === 10054) {
    return errorOf('TRANSPORT_MESSAGE_TOO_LARGE', `${what} Raise the stream's max_msg_size, or send less.`, {
      topic,
      stored: 'no',
    });
  }
  if (code === 0) return errorOf('TRANSPORT_AUTHORIZATION_FAILED', `${what}`, { topic, stored: 'no' });
  return errorOf('TRANSPORT_PUBLISH_FAILED', what, { topic, stored: 'no', retryable: status === 503 });
}

/** What went wrong last says nothing of an earlier try without an answer. */
export function uncertain(error: TransportError): TransportError {
  const { code, topic, retryable, message } = error;
  const sentence = message.slice(0, -` (${code})`.length);
  return new TransportError(code, `${sentence} An earlier try may have stored the message.`, {
    driver: 'nats',
    ...(topic === undefined ? {} : { topic }),
    stored: 'unknown',
    retryable,
    cause: error,
  });
}
