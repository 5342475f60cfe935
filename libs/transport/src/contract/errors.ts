import { escapeControls } from './foreign-text.js';
import { isA } from './thrown.js';

/**
 * Every error code of the library, with one sentence that says when it occurs.
 * `docs/errors.md` has a row per code; a test compares both.
 */
export const ERROR_CODES = {
  TRANSPORT_OPTION_INVALID: 'An option has a value of the wrong type or out of range.',
  TRANSPORT_OPTION_UNKNOWN: 'The library does not know an option of this name.',
  TRANSPORT_OPTION_CONFLICT: 'Two options contradict each other.',
  TRANSPORT_EVENT_INVALID: 'An event definition is invalid.',
  TRANSPORT_PEER_MISSING: 'A package that the chosen driver or codec needs is not installed.',
  TRANSPORT_CAPABILITY_UNSUPPORTED: 'The broker does not support a capability that the application requires.',
  TRANSPORT_GUARANTEE_UNMET: 'A subscription has a weaker guarantee than its `guarantee` option requires.',
  TRANSPORT_BROKER_UNREACHABLE: 'No broker answered at the given address.',
  TRANSPORT_AUTHENTICATION_FAILED: 'The broker rejected the login.',
  TRANSPORT_AUTHORIZATION_FAILED: 'The login is valid but has no permission for this operation.',
  TRANSPORT_TLS_FAILED: 'The TLS connection failed: certificate, host name or protocol version.',
  TRANSPORT_TOPIC_INVALID: 'The broker does not accept this topic name.',
  TRANSPORT_TOPIC_MISSING: 'The topic does not exist, and the driver is not configured to create it.',
  TRANSPORT_GROUP_INVALID: 'The broker does not accept this group name.',
  TRANSPORT_PARTITION_MISSING: 'The message names a partition that the topic does not have.',
  TRANSPORT_KEY_INVALID: 'The key of a message is missing, or is not a string that a broker can carry.',
  TRANSPORT_HEADER_INVALID: 'A header has a name or value that no broker can carry, or a reserved name.',
  TRANSPORT_MESSAGE_TOO_LARGE: 'The message is larger than the limit; nothing was sent.',
  TRANSPORT_PAYLOAD_INVALID: 'The payload does not match the schema of its event.',
  TRANSPORT_PAYLOAD_UNENCODABLE: 'The codec could not encode the payload.',
  TRANSPORT_PAYLOAD_UNDECODABLE: 'The codec could not decode the bytes of a received message.',
  TRANSPORT_CONTENT_TYPE_UNKNOWN: 'No codec of the subscription reads the content type of a received message.',
  TRANSPORT_SCHEMA_UNAVAILABLE: 'The schema registry could not return or register a schema.',
  TRANSPORT_HANDLER_TIMEOUT: 'A handler did not finish within its timeout.',
  TRANSPORT_TYPE_UNHANDLED: 'No handler of the subscription takes the type of a message.',
  TRANSPORT_ATTEMPTS_EXHAUSTED:
    'A message was delivered far more often than its retry limit, and no attempt completed.',
  TRANSPORT_BATCH_RESULT_INVALID: 'A batch handler returned something other than nothing or one outcome per message.',
  TRANSPORT_PUBLISH_FAILED: 'The broker did not store the message.',
  TRANSPORT_PUBLISH_UNKNOWN:
    'The connection broke after sending, or one of several queues rejected the message; it may have been stored.',
  TRANSPORT_PUBLISH_TIMEOUT: 'No confirmation arrived within publishTimeoutMs.',
  TRANSPORT_BATCH_REJECTED: 'A request failed because of another message in it; this one was not stored.',
  TRANSPORT_DEAD_LETTER_FAILED: 'A dead letter could not be stored; its original stays unsettled.',
  TRANSPORT_SETTLEMENT_FAILED: 'The broker did not accept the settlement of a message, which can be delivered again.',
  TRANSPORT_SUBSCRIPTION_DUPLICATE: 'Two handlers of one subscription claim the same event type.',
  TRANSPORT_SUBSCRIPTION_UNKNOWN:
    'The application has no such subscription or dead-letter topic, or several subscriptions match.',
  TRANSPORT_SUBSCRIPTION_CRASHED: 'The client of a subscription failed and is being recreated.',
  TRANSPORT_READING_INCOMPLETE: 'A replay, or a reading of dead letters, did not reach the end of its topic.',
  TRANSPORT_NOT_CONNECTED: 'The application never connected the transport, so its handlers would never be called.',
  TRANSPORT_NOT_STARTED: 'The transport was used before it was started.',
  TRANSPORT_CLOSED: 'The transport was used after it started to close.',
  TRANSPORT_REQUEST_TIMEOUT: 'No reply arrived within timeoutMs; the request may still be handled.',
  TRANSPORT_REQUEST_FAILED: 'The handler of a request replied with an error.',
  TRANSPORT_PROJECT_UNEXPECTED: 'A schematic cannot change a project with this layout; nothing was written.',
  TRANSPORT_FILE_EXISTS: 'A schematic would have to overwrite a file; nothing was written.',
} as const satisfies Record<string, string>;

/** The machine-readable name of a failure; stable across releases. */
export type ErrorCode = keyof typeof ERROR_CODES;

/**
 * What is known about a failed publish: `'no'` can be published again without a duplicate; `'unknown'` may create one.
 */
export type StoredState = 'no' | 'unknown';

/** The fields of a `TransportError` in addition to code and message. */
export interface TransportErrorDetails {
  /** Whether the same call can succeed later without a change of code or configuration. @default false */
  readonly retryable?: boolean;
  /** The driver that reports it: `'kafka'`, `'memory'`, ... */
  readonly driver?: string;
  readonly topic?: string;
  /** For a failed publish: the partition, where it is known. */
  readonly partition?: number | undefined;
  /** Set only on a failed publish. */
  readonly stored?: StoredState;
  /** The original error, unchanged. */
  readonly cause?: unknown;
}

/**
 * The one error class of the library. Distinguish failures by `code`, never by the message. The message says what
 * failed, where, with which values and what to do; it ends with the code.
 */
export class TransportError extends Error {
  override readonly name = 'TransportError';
  readonly code: ErrorCode;
  readonly retryable: boolean;
  readonly driver: string | undefined;
  readonly topic: string | undefined;
  /** The partition that rejected a publish, where it is known. */
  readonly partition: number | undefined;
  readonly stored: StoredState | undefined;

  constructor(code: ErrorCode, message: string, details: TransportErrorDetails = {}) {
    // Messages quote ids, keys and texts of other programs, and they become log lines.
    super(escapeControls(`${message} (${code})`), details.cause === undefined ? undefined : { cause: details.cause });
    this.code = code;
    this.retryable = details.retryable ?? false;
    this.driver = details.driver;
    this.topic = details.topic;
    this.partition = details.partition;
    this.stored = details.stored;
  }
}

/** Whether a value is a `TransportError`, with this code if one is given. */
export function isTransportError(error: unknown, code?: ErrorCode): error is TransportError {
  return isA(error, TransportError) && (code === undefined || error.code === code);
}

/** Copies the error with extra details and an optional message prefix. Details that are already set stay. */
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

/**
 * Copies a `TransportError` with a prefix that names the place in the user's code. Returns any other value unchanged.
 */
export function atPlace(where: string, error: unknown): unknown {
  return isTransportError(error) ? restated(error, {}, `${where}: `) : error;
}
