import { TransportError, type ErrorCode, type StoredState, type TransportErrorDetails } from '../../contract/index.js';
import { startAdvice } from '../../shared/index.js';
import { isPassing, nameProblem, type NsqError } from './client/index.js';

export const errorOf = (code: ErrorCode, message: string, details: TransportErrorDetails = {}): TransportError =>
  new TransportError(code, `[nsq] ${message.trim()}`, { driver: 'nsq', ...details });

/** @throws TransportError `TRANSPORT_TOPIC_INVALID` */
export function checkTopicName(topic: string, stored?: StoredState): void {
  const problem = nameProblem(topic);
  if (problem === undefined) return;
  const hint = topic.endsWith('.dead-letter') ? ' Set deadLetterTopic, or choose shorter names.' : '';
  throw errorOf('TRANSPORT_TOPIC_INVALID', `topic "${topic}" cannot be used: ${problem}.${hint}`, {
    topic,
    ...(stored === undefined ? {} : { stored }),
  });
}

interface Description {
  readonly code: ErrorCode;
  readonly advice: string;
}

/** One error of the library's for a failure of the client, with what to do about it. */
export function transportError(
  failure: NsqError,
  what: string,
  details: { readonly topic?: string; readonly stored?: StoredState } = {},
): TransportError {
  const { code, advice } = describe(failure);
  return errorOf(code, `${what}: ${sentence(failure.message)} ${advice}`, {
    ...details,
    retryable: isPassing(failure),
    cause: failure,
  });
}

function describe(failure: NsqError): Description {
  const nsqd = failure.nsqd ?? 'it';
  switch (failure.reason) {
    case 'authentication':
      return { code: 'TRANSPORT_AUTHENTICATION_FAILED', advice: 'Check authSecret.' };
    case 'authorization':
      return { code: 'TRANSPORT_AUTHORIZATION_FAILED', advice: 'Give the login the right to the topic and channel.' };
    case 'tls':
      return {
        code: 'TRANSPORT_TLS_FAILED',
        advice: `Check tls: ca, cert, key and serverName, and whether ${nsqd} speaks TLS.`,
      };
    case 'unsupported':
      return {
        code: failure.code === 'PEER_MISSING' ? 'TRANSPORT_PEER_MISSING' : 'TRANSPORT_OPTION_CONFLICT',
        advice: '',
      };
    case 'refused':
      return describeRefusal(failure.code ?? '');
    case 'unreachable':
      return { code: 'TRANSPORT_BROKER_UNREACHABLE', advice: startAdvice('NSQ', 'there') };
    case 'closed':
    case 'timeout':
    case 'protocol':
    case 'invalid':
      return { code: 'TRANSPORT_BROKER_UNREACHABLE', advice: '' };
  }
}

const REFUSALS: Readonly<Record<string, Description>> = {
  E_BAD_TOPIC: { code: 'TRANSPORT_TOPIC_INVALID', advice: 'Choose another name.' },
  E_BAD_CHANNEL: { code: 'TRANSPORT_GROUP_INVALID', advice: 'Choose another name.' },
  E_BAD_MESSAGE: {
    code: 'TRANSPORT_MESSAGE_TOO_LARGE',
    advice: "Make maxMessageBytes the server's -max-msg-size, and send less.",
  },
  E_BAD_BODY: {
    code: 'TRANSPORT_OPTION_CONFLICT',
    advice:
      "The server's limits are other than ours: see messageTimeoutMs (-max-msg-timeout), heartbeatIntervalMs (-max-heartbeat-interval), outputBufferMs (-min-output-buffer-timeout) and maxRequestBytes (-max-body-size).",
  },
};

const describeRefusal = (code: string): Description =>
  REFUSALS[code] ?? { code: 'TRANSPORT_PUBLISH_FAILED', advice: '' };

/** nsqd refused the request for one of its messages, and does not say which. */
export const isContagious = ({ code }: NsqError): boolean => code === 'E_BAD_MESSAGE' || code === 'E_BAD_BODY';

/** The error of one message of a request that failed. */
export function sendError(failure: NsqError, topic: string, messages: number): TransportError {
  const what = `cannot publish to "${topic}"`;
  if (failure.stored === 'unknown') {
    const text = `${what}: ${sentence(failure.message)} The message may have been stored.`;
    return errorOf('TRANSPORT_PUBLISH_UNKNOWN', text, { topic, stored: 'unknown', retryable: true, cause: failure });
  }
  if (isContagious(failure) && messages > 1) {
    const text = `${what}: a request of ${messages} messages was refused because of one of them. ${sentence(failure.message)}`;
    return errorOf('TRANSPORT_BATCH_REJECTED', text, { topic, stored: 'no', retryable: true, cause: failure });
  }
  return transportError(failure, what, { topic, stored: 'no' });
}

const sentence = (text: string): string => (/[.!?]$/.test(text) ? text : `${text}.`);
