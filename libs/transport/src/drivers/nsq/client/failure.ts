/**
 * The reason why something failed at an nsqd or nsqlookupd.
 *
 * | reason         | what happened                                                            |
 * |----------------|--------------------------------------------------------------------------|
 * | unreachable    | no server answered at the address                                        |
 * | closed         | either side closed the connection                                        |
 * | timeout        | no reply, or no heartbeat, in time                                       |
 * | tls            | certificate, host name or protocol is wrong, or nsqd has no TLS          |
 * | authentication | AUTH was rejected, or required and there is no secret                    |
 * | authorization  | the secret is valid, but has no permission for this                      |
 * | refused        | nsqd replied with an error; `code` is its error code                     |
 * | unsupported    | nsqd does not support a setting, for example a compression               |
 * | protocol       | the received data is not the NSQ protocol                                |
 * | invalid        | rejected here, before anything was sent: a name, a size, a delay         |
 */
export type NsqFailureReason =
  | 'unreachable'
  | 'closed'
  | 'timeout'
  | 'tls'
  | 'authentication'
  | 'authorization'
  | 'refused'
  | 'unsupported'
  | 'protocol'
  | 'invalid';

/** Details of an `NsqError`. */
export interface NsqFailureDetails {
  /** NSQ's error code: `E_BAD_TOPIC`. */
  readonly code?: string | undefined;
  /** `host:port` of the nsqd. */
  readonly nsqd?: string | undefined;
  /** For a publish: whether the message is certainly not stored, or unknown. @default 'no' */
  readonly stored?: 'no' | 'unknown';
  readonly cause?: unknown;
}

/** The error of the NSQ client. Its message never contains a secret. */
export class NsqError extends Error {
  override readonly name = 'NsqError';
  readonly reason: NsqFailureReason;
  readonly code: string | undefined;
  readonly nsqd: string | undefined;
  readonly stored: 'no' | 'unknown';

  constructor(reason: NsqFailureReason, message: string, details: NsqFailureDetails = {}) {
    super(message, details.cause === undefined ? undefined : { cause: details.cause });
    this.reason = reason;
    this.code = details.code;
    this.nsqd = details.nsqd;
    this.stored = details.stored ?? 'no';
  }
}

/** Copies a failure for a publish whose outcome is unknown. */
export function withUnknownOutcome(error: NsqError): NsqError {
  if (error.stored === 'unknown') return error;
  const { reason, message, code, nsqd } = error;
  return new NsqError(reason, message, { code, nsqd, stored: 'unknown', cause: error });
}

/** Whether another attempt, later or at another nsqd, may succeed without any change. */
export function isPassing({ reason }: NsqError): boolean {
  return reason === 'unreachable' || reason === 'closed' || reason === 'timeout' || reason === 'protocol';
}

const AUTHENTICATION = new Set(['E_AUTH_FAILED', 'E_AUTH_FIRST', 'E_AUTH_ERROR', 'E_AUTH_DISABLED']);

/** Converts an error frame of nsqd, such as `E_BAD_TOPIC PUB topic name "a b" is not valid`, to an error. */
export function refusal(text: string, nsqd: string): NsqError {
  const code = text.split(' ', 1)[0] ?? text;
  // After a disk failure a part of the messages may be stored; only nsqd's source documents this.
  const stored = code === 'E_PUB_FAILED' || code === 'E_MPUB_FAILED' || code === 'E_DPUB_FAILED' ? 'unknown' : 'no';
  return new NsqError(reasonOf(code, text), `nsqd ${nsqd} answered ${text}`, { code, nsqd, stored });
}

function reasonOf(code: string, text: string): NsqFailureReason {
  if (AUTHENTICATION.has(code)) return 'authentication';
  if (code === 'E_UNAUTHORIZED') return 'authorization';
  return code === 'E_INVALID' && text.includes('TLS required') ? 'tls' : 'refused';
}

const UNREACHABLE = new Set([
  'ECONNREFUSED',
  'ENOTFOUND',
  'EAI_AGAIN',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'ETIMEDOUT',
  'EADDRNOTAVAIL',
]);

/** Converts an error of a socket. */
export function socketFailure(cause: unknown, nsqd: string): NsqError {
  const { code = '', message = String(cause) } = cause as { code?: string; message?: string };
  if (UNREACHABLE.has(code)) return new NsqError('unreachable', `${message} (nsqd ${nsqd})`, { nsqd, cause });
  const isTls = /^ERR_(TLS|SSL)|^EPROTO|CERT|SIGNATURE|ALTNAME|^UNABLE_TO/.test(code);
  return new NsqError(isTls ? 'tls' : 'closed', `the connection to nsqd ${nsqd} broke: ${message}`, { nsqd, cause });
}
