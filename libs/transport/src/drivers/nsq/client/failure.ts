/**
 * Why something failed at an nsqd or nsqlookupd.
 *
 * | reason         | what happened                                                            |
 * |----------------|--------------------------------------------------------------------------|
 * | unreachable    | nobody answered at the address                                           |
 * | closed         | the connection ended: by the other side, or by us                        |
 * | timeout        | no answer, or no sign of life, in time                                   |
 * | tls            | certificate, host name, protocol, or an nsqd that has no TLS             |
 * | authentication | AUTH was refused, or asked for and there is no secret                    |
 * | authorization  | the secret is known, but may not do this                                 |
 * | refused        | nsqd answered with an error; `code` is its name for it                   |
 * | unsupported    | nsqd does not do what was asked for, for example a compression           |
 * | protocol       | what came is no NSQ                                                      |
 * | invalid        | refused here, before anything was sent: a name, a size, a delay          |
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

/** What is known beside the reason. */
export interface NsqFailureDetails {
  /** NSQ's own name of the error: `E_BAD_TOPIC`. */
  readonly code?: string | undefined;
  /** `host:port` of the nsqd. */
  readonly nsqd?: string | undefined;
  /** Of a publish: certainly not stored, or perhaps. @default 'no' */
  readonly stored?: 'no' | 'unknown';
  readonly cause?: unknown;
}

/** The one error of the NSQ client. Its message never holds a secret. */
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

/** The same failure, as it is for a publish whose outcome nobody knows. */
export function withUnknownOutcome(error: NsqError): NsqError {
  if (error.stored === 'unknown') return error;
  const { reason, message, code, nsqd } = error;
  return new NsqError(reason, message, { code, nsqd, stored: 'unknown', cause: error });
}

/** Whether another try, later or at another nsqd, may succeed without anybody changing anything. */
export function isPassing({ reason }: NsqError): boolean {
  return reason === 'unreachable' || reason === 'closed' || reason === 'timeout' || reason === 'protocol';
}

const AUTHENTICATION = new Set(['E_AUTH_FAILED', 'E_AUTH_FIRST', 'E_AUTH_ERROR', 'E_AUTH_DISABLED']);

/** An error frame of nsqd, `E_BAD_TOPIC PUB topic name "a b" is not valid`, as an error. */
export function refusal(text: string, nsqd: string): NsqError {
  const code = text.split(' ', 1)[0] ?? text;
  // n.b. a disk that fails may have stored a part of the messages: nsqd says so only in its source.
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

/** What a socket said, as an error of ours. */
export function socketFailure(cause: unknown, nsqd: string): NsqError {
  const { code = '', message = String(cause) } = cause as { code?: string; message?: string };
  if (UNREACHABLE.has(code)) return new NsqError('unreachable', `${message} (nsqd ${nsqd})`, { nsqd, cause });
  const isTls = /^ERR_(TLS|SSL)|^EPROTO|CERT|SIGNATURE|ALTNAME|^UNABLE_TO/.test(code);
  return new NsqError(isTls ? 'tls' : 'closed', `the connection to nsqd ${nsqd} broke: ${message}`, { nsqd, cause });
}
