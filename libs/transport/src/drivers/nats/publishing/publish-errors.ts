import { TransportError, type OutgoingMessage } from '../../../contract/index.js';
import { errorOf } from '../client/failures.js';
import type { PubAnswer } from './pub-acks.js';

/** The errors of messages that were not stored, or whose outcome is unknown. */

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
  const what = `cannot publish to "${topic}": ${text} (JetStream error ${code}).`;
  if (code === 10054) {
    return errorOf('TRANSPORT_MESSAGE_TOO_LARGE', `${what} Raise the stream's max_msg_size, or send less.`, {
      topic,
      stored: 'no',
    });
  }
  if (code === 0)
    return errorOf(
      'TRANSPORT_AUTHORIZATION_FAILED',
      `cannot publish to "${topic}": ${text}. Grant the user permission to publish there.`,
      { topic, stored: 'no' },
    );
  return errorOf('TRANSPORT_PUBLISH_FAILED', what, { topic, stored: 'no', retryable: status === 503 });
}

/** The last failure does not tell whether an earlier attempt stored the message. */
export function uncertain(error: TransportError): TransportError {
  const { code, topic, retryable, message } = error;
  const sentence = message.slice(0, -` (${code})`.length);
  return new TransportError(code, `${sentence} An earlier attempt may have stored the message.`, {
    driver: 'nats',
    ...(topic === undefined ? {} : { topic }),
    stored: 'unknown',
    retryable,
    cause: error,
  });
}
