import { protocolErrorName } from '../protocol-errors.js';
import { ClientFailure, type FailureReason } from '../seam.js';

/** The fields of kafkajs' error classes. */
interface KafkaJsError {
  readonly name?: string;
  readonly message?: string;
  readonly type?: string;
  readonly code?: string | number;
  readonly cause?: unknown;
  readonly errors?: readonly unknown[];
}

/** How many produce requests of a call were written and how many got no response. */
export interface Attempts {
  readonly written: number;
  readonly unanswered: number;
}

/**
 * Converts what kafkajs throws. Its errors keep Kafka's error name in `type` of some `cause`, and report a broken connection
 * only in a text.
 */
export function toFailure(thrown: unknown, attempts?: Attempts): ClientFailure {
  if (thrown instanceof ClientFailure) return thrown;
  const chain = causesOf(thrown);
  const protocol = protocolOf(chain);
  const innermost = chain.at(-1);
  return new ClientFailure(reasonOf(chain, protocol), innermost?.message ?? String(thrown), {
    protocol,
    ...attempts,
    cause: thrown,
  });
}

/** kafkajs reports the number of an error that it does not know only in the text. */
function protocolOf(chain: readonly KafkaJsError[]): string | undefined {
  const found = chain.find(({ type }) => type !== undefined);
  if (found?.type !== 'KAFKAJS_UNKNOWN_ERROR_CODE') return found?.type;
  const code = /^Unknown error code (-?\d+)$/.exec(found.message ?? '')?.[1];
  return code === undefined ? found.type : protocolErrorName(Number(code));
}

function causesOf(thrown: unknown): KafkaJsError[] {
  const chain: KafkaJsError[] = [];
  let current: unknown = thrown;
  while (typeof current === 'object' && current !== null && chain.length < 10) {
    const error = current as KafkaJsError;
    chain.push(error);
    current = error.cause ?? error.errors?.[0];
  }
  return chain;
}

function reasonOf(chain: readonly KafkaJsError[], protocol: string | undefined): FailureReason {
  const named = (name: string): boolean => chain.some((error) => error.name === name);
  if (protocol === 'SASL_AUTHENTICATION_FAILED' || protocol === 'UNSUPPORTED_SASL_MECHANISM') return 'authentication';
  if (named('KafkaJSSASLAuthenticationError')) return 'authentication';
  if (chain.some(isTls)) return 'tls';
  if (protocol !== undefined) return 'protocol';
  if (named('KafkaJSRequestTimeoutError')) return 'timeout';
  if (named('KafkaJSConnectionClosedError')) return 'closed';
  if (chain.some(isBroken)) return 'closed';
  if (named('KafkaJSConnectionError') || UNREACHABLE.some(named)) return 'unreachable';
  return 'other';
}

const UNREACHABLE = [
  'KafkaJSBrokerNotFound',
  'KafkaJSNoBrokerAvailableError',
  'KafkaJSGroupCoordinatorNotFound',
  'KafkaJSLockTimeout',
];

function isTls({ code, message = '' }: KafkaJsError): boolean {
  if (typeof code === 'string' && /^(ERR_TLS|ERR_SSL|ERR_OSSL)|CERT|_SIGNATURE$|^UNABLE_TO_/.test(code)) return true;
  return /certificate|altnames|wrong version number|ssl3?_|tlsv1/i.test(message);
}

const isBroken = ({ code, message = '' }: KafkaJsError): boolean =>
  code === 'ECONNRESET' || code === 'EPIPE' || /closed by the server|before secure TLS connection/i.test(message);
