import { TransportError, messageOf, type ErrorCode, type TransportErrorDetails } from '../../../contract/index.js';
import { startAdvice } from '../../../shared/index.js';

/** Where an error belongs; the message is about it. */
export interface FailurePlace {
  /** What could not be done: `cannot connect to localhost:4222`. */
  readonly what: string;
  readonly servers: readonly string[];
  readonly topic?: string | undefined;
  /** Whether the connection is to be encrypted, for the hint when it breaks at once. */
  readonly tls: boolean;
}

/** What the clients' errors carry, in one class or another. */
interface ClientError {
  readonly name?: string;
  readonly message?: string;
  /** Node's name of the error, or JetStream's number of it. */
  readonly code?: string | number;
  /** HTTP's way of saying it, on errors of JetStream. */
  readonly status?: number;
  readonly cause?: unknown;
}

interface Description {
  readonly code: ErrorCode;
  readonly advice: string;
  readonly retryable: boolean;
}

/** JetStream's numbers of errors that the driver reacts to. */
export const JETSTREAM_ERROR = {
  consumerNotFound: 10014,
  streamNotFound: 10059,
  streamNameInUse: 10058,
  subjectsOverlap: 10065,
  messageTooLarge: 10054,
  schedulesDisabled: 10188,
  scheduleTargetInvalid: 10190,
  consumerExists: 10148,
  replicasNeedACluster: 10074,
  noSuitablePeers: 10005,
} as const;

/** One error of the library's for anything that the clients throw, with what to do about it. */
export function transportError(thrown: unknown, place: FailurePlace): TransportError {
  if (thrown instanceof TransportError) return thrown;
  const chain = causesOf(thrown);
  const { code, advice, retryable } = describe(chain, place);
  return errorOf(code, `${place.what}: ${sentence(reasonOf(chain, thrown))} ${advice}`, {
    retryable,
    ...(place.topic === undefined ? {} : { topic: place.topic }),
    cause: thrown,
  });
}

/** JetStream's number of an error; undefined when it is none of JetStream's. */
export function jetStreamCode(thrown: unknown): number | undefined {
  const found = causesOf(thrown).find(({ code, status }) => typeof code === 'number' && status !== undefined);
  return found?.code as number | undefined;
}

export const errorOf = (code: ErrorCode, message: string, details: TransportErrorDetails = {}): TransportError =>
  new TransportError(code, `[nats] ${message.trim()}`, { driver: 'nats', ...details });

function causesOf(thrown: unknown): ClientError[] {
  const chain: ClientError[] = [];
  for (let current = thrown; typeof current === 'object' && current !== null && chain.length < 10;) {
    chain.push(current);
    current = (current as ClientError).cause;
  }
  return chain;
}

function describe(chain: readonly ClientError[], place: FailurePlace): Description {
  const named = (...names: readonly string[]): boolean => chain.some(({ name = '' }) => names.includes(name));
  const addresses = place.servers.join(', ');
  if (named('AuthorizationError', 'UserAuthenticationExpiredError', 'NKeysError') || chain.some(isCredentials)) {
    return permanent('TRANSPORT_AUTHENTICATION_FAILED', `Check auth, for ${addresses}.`);
  }
  if (named('PermissionViolationError')) {
    return permanent('TRANSPORT_AUTHORIZATION_FAILED', 'Give the user the right to publish and subscribe there.');
  }
  if (chain.some(isTls)) {
    const advice = `Check tls: ca, cert, key and serverName, and that ${addresses} speaks TLS.`;
    return permanent('TRANSPORT_TLS_FAILED', advice);
  }
  const api = chain.find(({ code, status }) => typeof code === 'number' && status !== undefined);
  if (api !== undefined) return describeApi(api, addresses);
  if (named('JetStreamNotEnabled')) {
    const advice = `${addresses} runs without JetStream, or this account has none. Start it with "-js", or say nats({ mode: 'core' }).`;
    return permanent('TRANSPORT_CAPABILITY_UNSUPPORTED', advice);
  }
  return unreachable(chain, place, addresses);
}

function describeApi({ code, status = 0 }: ClientError, addresses: string): Description {
  switch (code) {
    case JETSTREAM_ERROR.streamNotFound:
      return { code: 'TRANSPORT_TOPIC_MISSING', retryable: true, advice: 'Create it, or say nats({ provision: {} }).' };
    case JETSTREAM_ERROR.messageTooLarge:
      return permanent('TRANSPORT_MESSAGE_TOO_LARGE', "Raise the stream's max_msg_size, or send less.");
    default:
      return status === 503
        ? { code: 'TRANSPORT_BROKER_UNREACHABLE', retryable: true, advice: `JetStream of ${addresses} is not ready.` }
        : permanent('TRANSPORT_OPTION_CONFLICT', `JetStream's number of it is ${code}.`);
  }
}

function unreachable(chain: readonly ClientError[], { tls }: FailurePlace, addresses: string): Description {
  const broke = chain.some(({ code, message = '' }) => code === 'ECONNRESET' || code === 'EPIPE' || message === '');
  const wantsTls = `If it hangs up at once, the server at ${addresses} may want the TLS handshake first: see tls.`;
  const wantsNone = `If it hangs up at once, see whether ${addresses} speaks TLS, and takes this client's certificate.`;
  const hint = tls ? wantsNone : wantsTls;
  const advice = broke ? hint : startAdvice('NATS', `at ${addresses}`);
  return { code: 'TRANSPORT_BROKER_UNREACHABLE', retryable: true, advice };
}

const permanent = (code: ErrorCode, advice: string): Description => ({ code, advice, retryable: false });

function isTls({ code, message = '' }: ClientError): boolean {
  if (typeof code === 'string' && /^(ERR_TLS|ERR_SSL|ERR_OSSL|EPROTO)|CERT|_SIGNATURE$|^UNABLE_TO_/.test(code))
    return true;
  return /certificate|altnames|wrong version number|ssl3?_|tlsv1|'tls'/i.test(message);
}

const isCredentials = ({ message = '' }: ClientError): boolean =>
  /unable to parse credentials|checksum|illegal base32/i.test(message);

function reasonOf(chain: readonly ClientError[], thrown: unknown): string {
  const text = chain.at(-1)?.message ?? messageOf(thrown);
  return text === '' ? 'the connection was closed' : text;
}

const sentence = (text: string): string => (/[.!?]$/.test(text) ? text : `${text}.`);
