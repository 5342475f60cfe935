import { escapeControls } from './foreign-text.js';
import { isA } from './thrown.js';

/**
 * Every failure the library reports, with the one sentence that says when it happens.
 * `docs/errors.md` has a row per code; a test compares both ways.
 */
export const ERROR_CODES = {
  TRANSPORT_OPTION_INVALID: 'An option has a value of the wrong type or out of its range.',
  TRANSPORT_OPTION_UNKNOWN: 'An option has a name that the library does not know.',
  TRANSPORT_OPTION_CONFLICT: 'Two options contradict each other.',
  TRANSPORT_EVENT_INVALID: 'An event definition cannot be used as it is written.',
  TRANSPORT_PEER_MISSING: 'A package that the chosen driver or codec needs is not installed.',
  TRANSPORT_CAPABILITY_UNSUPPORTED: 'The broker cannot keep a promise that was asked for.',
  TRANSPORT_GUARANTEE_UNMET: 'A subscription can promise less than its `guarantee` asks for.',
  TRANSPORT_BROKER_UNREACHABLE: 'No broker answered at the given address.',
  TRANSPORT_AUTHENTICATION_FAILED: 'The broker refused the login.',
  TRANSPORT_AUTHORIZATION_FAILED: 'The login is known, but may not do this.',
  TRANSPORT_TLS_FAILED: 'The encrypted connection could not be made: certificate, host name or protocol.',
  TRANSPORT_TOPIC_INVALID: 'The broker does not accept this topic name.',
  TRANSPORT_TOPIC_MISSING: 'The topic does not exist and was not to be created.',
  TRANSPORT_GROUP_INVALID: 'The broker does not accept this group name.',
  TRANSPORT_PARTITION_MISSING: 'The message names a partition that the topic does not have.',
  TRANSPORT_KEY_INVALID: 'The key of a message is missing, or is not a string that a broker can carry.',
  TRANSPORT_HEADER_INVALID: 'A header has a name or value that no broker can carry, or a reserved name.',
  TRANSPORT_MESSAGE_TOO_LARGE: 'The message is larger than the limit; nothing was sent.',
  TRANSPORT_PAYLOAD_INVALID: 'The payload does not fit the schema of its event.',
  TRANSPORT_PAYLOAD_UNENCODABLE: 'The codec could not turn the payload into bytes.',
  TRANSPORT_PAYLOAD_UNDECODABLE: 'The codec could not read the bytes of a received message.',
  TRANSPORT_CONTENT_TYPE_UNKNOWN: 'A received message is written in a format that no codec of its subscription reads.',
  TRANSPORT_SCHEMA_UNAVAILABLE: 'The schema registry did not give, or did not take, a schema.',
  TRANSPORT_HANDLER_TIMEOUT: 'A handler had not ended when its time was over.',
  TRANSPORT_TYPE_UNHANDLED: 'A message has a type that no handler of the subscription takes.',
  TRANSPORT_ATTEMPTS_EXHAUSTED:
    'A message was delivered far more often than it may be tried, and no attempt came to an end.',
  TRANSPORT_BATCH_RESULT_INVALID:
    'A batch handler returned something else than nothing, or an outcome for each message.',
  TRANSPORT_PUBLISH_FAILED: 'The broker did not store the message.',
  TRANSPORT_PUBLISH_UNKNOWN:
    'The connection broke after sending, or one of several queues rejected the message; it may have been stored.',
  TRANSPORT_PUBLISH_TIMEOUT: 'No confirmation came within publishTimeoutMs.',
  TRANSPORT_BATCH_REJECTED: 'A request failed because of another message in it; this one was not stored.',
  TRANSPORT_DEAD_LETTER_FAILED: 'A dead letter could not be published; its original stays unsettled.',
  TRANSPORT_SETTLEMENT_FAILED: 'The broker did not take the settlement of a message, which can be delivered again.',
  TRANSPORT_SUBSCRIPTION_DUPLICATE: 'Two handlers claim the same event type of one subscription.',
  TRANSPORT_SUBSCRIPTION_UNKNOWN:
    'The application has no such subscription, or several that fit the name; or no such topic with dead letters.',
  TRANSPORT_SUBSCRIPTION_CRASHED: 'The client of a subscription died and is being built anew.',
  TRANSPORT_READING_INCOMPLETE: 'A replay, or a reading of dead letters, did not come to the end of its topic.',
  TRANSPORT_NOT_CONNECTED: 'The application never connected the transport, so its handlers would never be called.',
  TRANSPORT_NOT_STARTED: 'The transport was used before it was started.',
  TRANSPORT_CLOSED: 'The transport was used after it began to close.',
  TRANSPORT_REQUEST_TIMEOUT: 'No answer came within timeoutMs; the request may still be handled.',
  TRANSPORT_REQUEST_FAILED: 'The handler of a request answered with an error.',
  TRANSPORT_PROJECT_UNEXPECTED: 'A schematic cannot change a project that is written this way; nothing was written.',
  TRANSPORT_FILE_EXISTS: 'A schematic would have to overwrite a file; nothing was written.',
} as const satisfies Record<string, string>;

/** The machine-readable name of a failure; stable across releases. */
export type ErrorCode = keyof typeof ERROR_CODES;

/** What is known about a failed publish: `'no'` can be sent again without a duplicate, `'unknown'` cannot. */
export type StoredState = 'no' | 'unknown';

/** What a `TransportError` knows beside code and message. */
export interface TransportErrorDetails {
  /** Whether the same call can succeed later without a change of code or configuration. @default false */
  readonly retryable?: boolean;
  /** Driver that reports it: `'kafka'`, `'memory'`, ... */
  readonly driver?: string;
  readonly topic?: string;
  /** Of a failed publish, where the partition is known. */
  readonly partition?: number | undefined;
  /** Only on failures of a publish. */
  readonly stored?: StoredState;
  /** The failure underneath, untouched. */
  readonly cause?: unknown;
}

/**
 * The one error class of the library. Tell failures apart by `code`, never by the message.
 * The message says who, what failed, with which values and what to do, and ends with the code.
 */
export class TransportError extends Error {
  override readonly name = 'TransportError';
  readonly code: ErrorCode;
  readonly retryable: boolean;
  readonly driver: string | undefined;
  readonly topic: string | undefined;
  /** The number of the partition that refused a publish, where it is known. */
  readonly partition: number | undefined;
  readonly stored: StoredState | undefined;

  constructor(code: ErrorCode, message: string, details: TransportErrorDetails = {}) {
    // n.b. ids, keys and texts of other programs are part of messages, and messages become lines of logs.
    super(escapeControls(`${message} (${code})`), details.cause === undefined ? undefined : { cause: details.cause });
    this.code = code;
    this.retryable = details.retryable ?? false;
    this.driver = details.driver;
    this.topic = details.topic;
    this.partition = details.partition;
    this.stored = details.stored;
  }
}

/** True for a `TransportError`, with this code when one is given. */
export function isTransportError(error: unknown, code?: ErrorCode): error is TransportError {
  return isA(error, TransportError) && (code === undefined || error.code === code);
}

/** The same failure with more known about it; its sentence may get a beginning. What is known already stays. */
export function restated(error: TransportError, details: TransportErrorDetails, beginning = ''): TransportError {
  const { code, retryable, driver, topic, partition, stored } = error;
  const sentence = error.message.slice(0, -` (${code})`.length);
  const known = Object.entries({ driver, topic, partition, stored }).filter(([, value]) => value !== undefined);
  return new TransportError(code, `${beginning}${sentence}`, {
    ...details,
    ...Object.fromEntries(known),
    retryable,
    cause: error,
  });
}

/** The same error, saying first where in the reader's code its cause is. Anything else is given back as it is. */
export function atPlace(where: string, error: unknown): unknown {
  return isTransportError(error) ? restated(error, {}, `${where}: `) : error;
}
