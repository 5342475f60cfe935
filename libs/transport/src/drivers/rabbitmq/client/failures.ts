import { messageOf, TransportError, type ErrorCode, type TransportErrorDetails } from '../../../contract/index.js';
import { startAdvice } from '../../../shared/index.js';
import type { RabbitmqAddress } from './addresses.js';
import type { ResolvedRabbitmqOptions } from '../options.js';
import type { VhostRefusal } from './vhost-refusal.js';

export const errorOf = (code: ErrorCode, message: string, details: TransportErrorDetails = {}): TransportError =>
  new TransportError(code, `[rabbitmq] ${message.trim()}`, { driver: 'rabbitmq', ...details });

/** Codes and texts of amqplib and Node for certificate and handshake errors. */
const TLS_CODE = /^(ERR_TLS|ERR_SSL|CERT_|DEPTH_ZERO|SELF_SIGNED|UNABLE_TO_|EPROTO|ERR_OSSL|HOSTNAME_MISMATCH)/;
const TLS_TEXT = /certificate|wrong version number|\bssl\b|\btls\b.*alert/i;

/**
 * Explains why a connection failed, with advice. amqplib's texts do not contain the reason of a rejected virtual host. The message
 * must never contain the password.
 */
export function dialError(
  error: unknown,
  address: RabbitmqAddress,
  options: ResolvedRabbitmqOptions,
  vhost?: VhostRefusal,
): TransportError {
  const text = messageOf(error);
  const what = `cannot connect to ${address.name}`;
  const refuse = (code: ErrorCode, why: string, retryable = false): TransportError =>
    errorOf(code, `${what}: ${why}`, { retryable, cause: error });
  if (/ACCESS[-_]REFUSED/.test(text)) return refuse('TRANSPORT_AUTHENTICATION_FAILED', refusedLogin(address, options));
  if (/SASL mechanism/.test(text)) {
    const why = `the server does not offer the SASL mechanism ${options.mechanism.toUpperCase()}. Check the mechanism option and auth_mechanisms on the server.`;
    return refuse('TRANSPORT_AUTHENTICATION_FAILED', why);
  }
  if (isVhostRefused(error)) {
    if (vhost !== undefined && !isForNow(vhost))
      return refuse('TRANSPORT_AUTHORIZATION_FAILED', refusedVhost(address, options));
    const why = `virtual host "${address.vhost}" cannot be opened: ${sentence(vhost?.text ?? 'the server gave no reason')} Raise its connection limit, or wait until the virtual host is up.`;
    return refuse('TRANSPORT_BROKER_UNREACHABLE', why, true);
  }
  const code = codeOf(error);
  if (TLS_CODE.test(code) || TLS_TEXT.test(text)) {
    const why = `the TLS connection failed: ${tlsText(text, code)}. Check tls (ca, cert, key, serverName), and that the listener at ${address.name} uses TLS.`;
    return refuse('TRANSPORT_TLS_FAILED', why);
  }
  return refuse('TRANSPORT_BROKER_UNREACHABLE', unreachable(text, code, address), true);
}

/** Whether the server rejected the virtual host. This text is all that amqplib reports. */
export const isVhostRefused = (error: unknown): boolean => /Expected ConnectionOpenOk/.test(messageOf(error));

/** Whether the reason can pass: connections close, and a virtual host is down while its node starts. */
const isForNow = ({ code, text }: VhostRefusal): boolean =>
  code === INTERNAL_ERROR || /limit \(\d+\) is reached|is down/.test(text);
const INTERNAL_ERROR = 541;

function refusedLogin({ username }: RabbitmqAddress, { mechanism }: ResolvedRabbitmqOptions): string {
  if (mechanism === 'external')
    return 'the server has no user for the client certificate. Check tls.cert and the user that it names.';
  const guest = username === 'guest' ? ' RabbitMQ allows "guest" only from localhost.' : '';
  return `the server rejected the login of user "${username}". Check username and password.${guest}`;
}

function refusedVhost({ vhost, username }: RabbitmqAddress, { mechanism }: ResolvedRabbitmqOptions): string {
  const who = mechanism === 'external' ? "the certificate's user" : `user "${username}"`;
  return `virtual host "${vhost}" does not exist, or ${who} has no access to it. Check vhost and the permissions of the user there.`;
}

function unreachable(text: string, code: string, { name, encrypted }: RabbitmqAddress): string {
  const why = code !== '' && !text.includes(code) ? `${code} ${text}`.trim() : text;
  const hint = /abruptly|disconnected before|ECONNRESET/.test(why)
    ? ` If the connection closes at once, the listener at ${name} may ${encrypted ? 'not use TLS: use amqp:' : 'require TLS: use amqps:'}.`
    : '';
  return `${sentence(why)} ${startAdvice('RabbitMQ', 'there')}${hint}`;
}

const tlsText = (text: string, code: string): string =>
  (text.includes('SSL routines') || text === '' ? code : text.split('\n', 1)[0]) ?? code;
const codeOf = (error: unknown): string => String((error as { code?: unknown } | null)?.code ?? '');
const sentence = (text: string): string => (/[.!?]$/.test(text) ? text : `${text}.`);

/** AMQP reply codes of a channel close. */
const NO_ROUTE_TO_IT = 404;
const ACCESS_REFUSED = 403;
const LOCKED = 405;
const PRECONDITION_FAILED = 406;

/** The reply code of a channel close; undefined when the connection was lost. */
export const replyCodeOf = (error: unknown): number | undefined => {
  const { code } = (error ?? {}) as { code?: unknown };
  return typeof code === 'number' ? code : undefined;
};

/** It exists with different arguments. */
export const isMismatch = (error: unknown): boolean => replyCodeOf(error) === PRECONDITION_FAILED;

/** The user has no permission for it. */
export const isRefused = (error: unknown): boolean => replyCodeOf(error) === ACCESS_REFUSED;

export const isMissing = (error: unknown): boolean => replyCodeOf(error) === NO_ROUTE_TO_IT;

export const isQueueMissing = (error: unknown): boolean => isMissing(error) && /no queue '/.test(messageOf(error));

/** The only copy of a classic queue is on a node that is down. */
export const isHomeNodeDown = (error: unknown): boolean => isMissing(error) && /home node '/.test(messageOf(error));

/** The missing exchange that closed a channel, from RabbitMQ's text. */
export const missingExchangeIn = (failure: Error): string => /no exchange '([^']*)'/.exec(failure.message)?.[1] ?? '';

/** RabbitMQ's own text, without the text that amqplib adds. */
export function replyTextOf(error: unknown): string {
  const text = messageOf(error);
  return /"(.*)"/s.exec(text)?.[1] ?? text;
}

/** Explains why a channel was closed, with advice. */
export function channelError(
  error: unknown,
  what: string,
  topic?: string,
  details: TransportErrorDetails = {},
): TransportError {
  const { code, advice, retryable } = adviceOn(error);
  const more = topic === undefined ? details : { topic, ...details };
  return errorOf(code, `${what}: ${sentence(replyTextOf(error))} ${advice}`, { retryable, cause: error, ...more });
}

interface Advice {
  readonly code: ErrorCode;
  readonly advice: string;
  readonly retryable: boolean;
}

function adviceOn(error: unknown): Advice {
  switch (replyCodeOf(error)) {
    case NO_ROUTE_TO_IT:
      return {
        code: 'TRANSPORT_TOPIC_MISSING',
        retryable: true,
        advice: 'Create it, or let the driver create it: rabbitmq({ provision: true }).',
      };
    case ACCESS_REFUSED:
      return {
        code: 'TRANSPORT_AUTHORIZATION_FAILED',
        retryable: false,
        advice:
          'Grant the user configure, write and read on it. If it already exists, you can set rabbitmq({ provision: false }) instead.',
      };
    case LOCKED:
      return {
        code: 'TRANSPORT_OPTION_CONFLICT',
        retryable: true,
        advice: 'Another connection has exclusive access to it.',
      };
    case PRECONDITION_FAILED:
      return {
        code: 'TRANSPORT_OPTION_CONFLICT',
        retryable: false,
        advice:
          'It exists with different arguments. Align the options (exchangeType, queueType, queueArguments, singleActiveConsumer), delete it, or set rabbitmq({ provision: false }) to use it as it is.',
      };
    default:
      return { code: 'TRANSPORT_BROKER_UNREACHABLE', retryable: true, advice: '' };
  }
}
