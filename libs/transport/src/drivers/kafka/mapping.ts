import { isUtf8 } from 'node:buffer';
import {
  TransportError,
  type ErrorCode,
  type Headers,
  type RawHeaders,
  type StoredState,
  type TransportErrorDetails,
} from '../../contract/index.js';
import { startAdvice } from '../../shared/index.js';
import { ClientFailure, type FetchedRecord } from './client/seam.js';
import { isFinal } from './client/protocol-errors.js';

/** Kafka allows 1 to 249 letters, digits, `.`, `_` and `-`, but neither `.` nor `..`. */
export function topicProblem(topic: string): string | undefined {
  if (topic === '') return 'it is empty';
  if (topic === '.' || topic === '..') return `Kafka reserves "${topic}"`;
  if (topic.length > 249) return `it has ${topic.length} characters, and Kafka allows at most 249`;
  const wrong = /[^a-zA-Z0-9._-]/u.exec(topic)?.[0];
  return wrong === undefined
    ? undefined
    : `it contains ${JSON.stringify(wrong)}, and Kafka allows only letters, digits, ".", "_" and "-"`;
}

/** Returns a record key as text. The bytes of a key that is not UTF-8 are in `rawKey`. */
export function keyText(key: Buffer | null | undefined): string | undefined {
  if (key == null) return undefined;
  // Most keys are short ASCII, and Latin-1 is the fastest way to decode them.
  if (key.length > 64) return key.toString();
  for (let index = 0; index < key.length; index++) if ((key[index] as number) > 0x7f) return key.toString();
  return key.toString('latin1');
}

/** All headers of a record, by lower-case name; of repeated ones the last. */
export function headersOf(record: FetchedRecord): Headers {
  const headers = Object.create(null) as Record<string, string>;
  for (const [name, value] of Object.entries(record.headers ?? {})) {
    const text = lastText(value);
    if (text !== undefined) headers[name.toLowerCase()] = text;
  }
  return headers;
}

/** One header, without reading the others when its name is written in lower case. */
export function headerOf(record: FetchedRecord, name: string): string | undefined {
  const { headers } = record;
  if (headers === undefined) return undefined;
  if (Object.hasOwn(headers, name)) return lastText(headers[name]);
  const lower = name.toLowerCase();
  for (const other of Object.keys(headers)) if (other.toLowerCase() === lower) return lastText(headers[other]);
  return undefined;
}

/** The headers whose bytes are not valid UTF-8, as `headersOf` shows them; undefined when there are none. */
export function rawHeadersOf(record: FetchedRecord): RawHeaders | undefined {
  const found = Object.entries(record.headers ?? {}).flatMap(([name, value]) => {
    const last = lastValue(value);
    return typeof last === 'object' && !isUtf8(last) ? [[name.toLowerCase(), last] as const] : [];
  });
  return found.length === 0 ? undefined : Object.fromEntries(found);
}

/** The bytes of a key that is not valid UTF-8. */
export const rawKeyOf = (key: Buffer | null | undefined): Buffer | undefined =>
  key == null || isUtf8(key) ? undefined : key;

const lastText = (value: unknown): string | undefined => lastValue(value)?.toString();

/** Ignores values other than bytes and text: for a header called "constructor" kafkajs builds an array with a function in it. */
function lastValue(value: unknown): Buffer | string | undefined {
  if (Buffer.isBuffer(value) || typeof value === 'string') return value;
  if (!Array.isArray(value)) return undefined;
  for (let index = value.length - 1; index >= 0; index--) {
    const last = lastValue(value[index]);
    if (last !== undefined) return last;
  }
  return undefined;
}

/** What failed and where, for the error message. */
export interface FailurePlace {
  /** What failed: `cannot join group "inventory"`. */
  readonly what: string;
  readonly brokers: readonly string[];
  readonly topic?: string | undefined;
  readonly partition?: number | undefined;
  /** Whether TLS is on, for the hint when the connection closes at once. */
  readonly tls?: boolean;
}

/**
 * Converts a client failure to a TransportError with advice.
 * @param retryable @default according to the failure
 */
export function transportError(failure: ClientFailure, place: FailurePlace, retryable?: boolean): TransportError {
  const { code, advice, retryable: isPassing } = describe(failure, place);
  return errorOf(code, `${place.what}: ${sentence(failure.message)} ${advice}`, {
    retryable: retryable ?? isPassing,
    ...topicOf(place),
    cause: failure,
  });
}

interface Description {
  readonly code: ErrorCode;
  readonly advice: string;
  readonly retryable: boolean;
}

function describe(failure: ClientFailure, { brokers, tls }: FailurePlace): Description {
  const addresses = brokers.join(', ');
  switch (failure.reason) {
    case 'authentication':
      return {
        code: 'TRANSPORT_AUTHENTICATION_FAILED',
        retryable: false,
        advice: `Check sasl (mechanism, username, password) for ${addresses}.`,
      };
    case 'tls':
      return {
        code: 'TRANSPORT_TLS_FAILED',
        retryable: false,
        advice: `Check tls (ca, cert, key, serverName), and that the listener at ${addresses} uses TLS.`,
      };
    case 'unreachable':
      return {
        code: 'TRANSPORT_BROKER_UNREACHABLE',
        retryable: true,
        advice: startAdvice('Kafka', `at ${addresses}`),
      };
    case 'closed':
      return { code: 'TRANSPORT_BROKER_UNREACHABLE', retryable: true, advice: closedHint(addresses, tls) };
    case 'timeout':
      return { code: 'TRANSPORT_BROKER_UNREACHABLE', retryable: true, advice: `${addresses} did not answer in time.` };
    case 'protocol':
      return describeProtocol(failure.protocol ?? '');
    default:
      return {
        code: 'TRANSPORT_BROKER_UNREACHABLE',
        retryable: true,
        advice: 'The Kafka client failed unexpectedly; see the cause.',
      };
  }
}

/** A broker closes the connection without an error when the client uses the wrong protocol. */
const closedHint = (addresses: string, tls: boolean | undefined): string =>
  tls === true
    ? `If the listener at ${addresses} does not use TLS, remove tls.`
    : `If the connection closes at once, the listener at ${addresses} may require TLS or a login: set tls or sasl.`;

const PROTOCOL: Readonly<Record<string, Description>> = {
  UNKNOWN_TOPIC_OR_PARTITION: {
    code: 'TRANSPORT_TOPIC_MISSING',
    retryable: true,
    advice: 'Create the topic, or set kafka({ provision: {} }).',
  },
  INVALID_TOPIC_EXCEPTION: { code: 'TRANSPORT_TOPIC_INVALID', retryable: false, advice: 'Choose another name.' },
  MESSAGE_TOO_LARGE: {
    code: 'TRANSPORT_MESSAGE_TOO_LARGE',
    retryable: false,
    advice: 'Raise max.message.bytes of the topic, or send smaller messages.',
  },
  TOPIC_AUTHORIZATION_FAILED: {
    code: 'TRANSPORT_AUTHORIZATION_FAILED',
    retryable: false,
    advice: 'Grant the user access to the topic (ACL).',
  },
  GROUP_AUTHORIZATION_FAILED: {
    code: 'TRANSPORT_AUTHORIZATION_FAILED',
    retryable: false,
    advice: 'Grant the user Read on the group (ACL).',
  },
  CLUSTER_AUTHORIZATION_FAILED: {
    code: 'TRANSPORT_AUTHORIZATION_FAILED',
    retryable: false,
    advice: 'Grant the user IdempotentWrite and Create on the cluster (ACL).',
  },
  TRANSACTIONAL_ID_AUTHORIZATION_FAILED: {
    code: 'TRANSPORT_AUTHORIZATION_FAILED',
    retryable: false,
    advice: 'Grant the user access to the transactional id (ACL).',
  },
  INVALID_RECORD: {
    code: 'TRANSPORT_PUBLISH_FAILED',
    retryable: false,
    advice: 'A compacted topic accepts only messages with a key. For other causes, see the broker log.',
  },
  INVALID_GROUP_ID: { code: 'TRANSPORT_GROUP_INVALID', retryable: false, advice: 'Choose another name.' },
  INCONSISTENT_GROUP_PROTOCOL: {
    code: 'TRANSPORT_OPTION_CONFLICT',
    retryable: true,
    advice:
      'Another client library with a different partition assignor has members in this group. Stop them first, or use another group.',
  },
  INVALID_SESSION_TIMEOUT: {
    code: 'TRANSPORT_OPTION_CONFLICT',
    retryable: false,
    advice:
      "Choose sessionTimeoutMs between the broker's group.min.session.timeout.ms and group.max.session.timeout.ms.",
  },
};

const describeProtocol = (protocol: string): Description =>
  PROTOCOL[protocol] ?? {
    code: 'TRANSPORT_BROKER_UNREACHABLE',
    retryable: true,
    advice: `Kafka error: ${protocol}.`,
  };

/** Errors that mean: not stored, and a resend of the same request would fail again. */
const REFUSALS = new Set([
  'MESSAGE_TOO_LARGE',
  'RECORD_LIST_TOO_LARGE',
  'INVALID_RECORD',
  'INVALID_TIMESTAMP',
  'CORRUPT_MESSAGE',
  'UNSUPPORTED_COMPRESSION_TYPE',
  'UNSUPPORTED_FOR_MESSAGE_FORMAT',
  'POLICY_VIOLATION',
  'INVALID_TOPIC_EXCEPTION',
  'TOPIC_AUTHORIZATION_FAILED',
  'CLUSTER_AUTHORIZATION_FAILED',
  'UNKNOWN_TOPIC_OR_PARTITION',
]);
/** Errors after which the message may be stored nevertheless. */
const AMBIGUOUS = new Set([
  'UNKNOWN',
  'REQUEST_TIMED_OUT',
  'NETWORK_EXCEPTION',
  'NOT_ENOUGH_REPLICAS_AFTER_APPEND',
  // The leader changed or lost its disk while the stored message waited for its replicas.
  'NOT_LEADER_FOR_PARTITION',
  'LEADER_NOT_AVAILABLE',
  'KAFKA_STORAGE_ERROR',
  // The broker knows the number, of this message or of another one.
  'DUPLICATE_SEQUENCE_NUMBER',
]);
/** Errors that one message causes for all messages of its partition in the request. */
const CONTAGIOUS = new Set([
  'MESSAGE_TOO_LARGE',
  'RECORD_LIST_TOO_LARGE',
  'INVALID_RECORD',
  'INVALID_TIMESTAMP',
  'CORRUPT_MESSAGE',
  'INVALID_REQUEST',
  'UNSUPPORTED_FOR_MESSAGE_FORMAT',
  'POLICY_VIOLATION',
]);

/** Whether the broker rejected the records. If a request got no response, the error belongs to another request. */
export const isRefusal = ({ protocol, unanswered }: ClientFailure): boolean =>
  protocol !== undefined && unanswered === 0 && REFUSALS.has(protocol);

/** Whether one bad record may have failed the other records of the request. */
export const isContagious = ({ protocol }: ClientFailure): boolean =>
  protocol !== undefined && CONTAGIOUS.has(protocol);

/**
 * A request with several partitions fails with the error of one, and kafkajs does not report which; the others may be stored.
 * After exhausted retries of kafkajs, one request per partition is not worth it.
 */
export const hidesItsPartition = (failure: ClientFailure): boolean =>
  failure.protocol !== undefined &&
  failure.unanswered === 0 &&
  (failure.written === 1 || (failure.written > 1 && isRefusal(failure)));

/** Whether the records of a failed request are stored. The response belongs to the last write; an earlier write may have stored them. */
export function storedAfter(failure: ClientFailure): StoredState {
  if (failure.written === 0) return 'no';
  if (failure.written > 1 || failure.unanswered > 0) return 'unknown';
  if (isRefusal(failure)) return 'no';
  return failure.protocol !== undefined && !AMBIGUOUS.has(failure.protocol) ? 'no' : 'unknown';
}

/**
 * Merges two failures of records that were sent again after a rejected request, which may have stored some of them.
 * The same error again shows which of them the broker rejects.
 */
export function afterEarlier(earlier: ClientFailure, failure: ClientFailure): ClientFailure {
  const { reason, message, protocol, unanswered, cause } = failure;
  const same = protocol === earlier.protocol && failure.written > 0;
  const written = same ? earlier.written + failure.written - 1 : Math.max(2, earlier.written + failure.written);
  return new ClientFailure(reason, message, { protocol, written, unanswered, cause });
}

/** The error of one message of a failed request. */
export function sendError(failure: ClientFailure, place: FailurePlace): TransportError {
  const stored = storedAfter(failure);
  const { code, advice, retryable } = describe(failure, place);
  const fits = stored === 'no' && (failure.written === 0 || isRefusal(failure));
  const details = { ...topicOf(place), partition: place.partition, stored, cause: failure };
  if (stored === 'unknown') {
    return errorOf(
      'TRANSPORT_PUBLISH_UNKNOWN',
      `${place.what}: ${sentence(failure.message)} The message may have been stored. ${advice}`,
      { ...details, retryable: true },
    );
  }
  const named = fits && (code !== 'TRANSPORT_BROKER_UNREACHABLE' || failure.reason !== 'protocol');
  return errorOf(named ? code : 'TRANSPORT_PUBLISH_FAILED', `${place.what}: ${sentence(failure.message)} ${advice}`, {
    ...details,
    // Not in `describe`, because group errors that are final for a request end when the member rejoins.
    retryable: retryable && !isFinal(failure.protocol ?? ''),
  });
}

/** Whether another member may own the partitions by now, so that a retry is pointless. */
export const isStale = ({ protocol }: ClientFailure): boolean =>
  protocol === 'ILLEGAL_GENERATION' ||
  protocol === 'UNKNOWN_MEMBER_ID' ||
  protocol === 'REBALANCE_IN_PROGRESS' ||
  protocol === 'FENCED_INSTANCE_ID';

export const errorOf = (code: ErrorCode, message: string, details: TransportErrorDetails = {}): TransportError =>
  new TransportError(code, `[kafka] ${message.trim()}`, { driver: 'kafka', ...details });

const topicOf = ({ topic }: FailurePlace): { topic?: string } => (topic === undefined ? {} : { topic });
const sentence = (text: string): string => (/[.!?]$/.test(text) ? text : `${text}.`);
