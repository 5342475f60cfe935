import { messageOf, TransportError, type ErrorCode, type TransportErrorDetails } from '../../../contract/index.js';
import { startAdvice } from '../../../shared/index.js';
import type { RabbitmqAddress } from './addresses.js';
import type { ResolvedRabbitmqOptions } from '../options.js';
import type { VhostRefusal } from './vhost-refusal.js';

export const errorOf = (code: ErrorCode, message: string, details: TransportErrorDetails = {}): TransportError =>
  new TransportError(code, `[rabbitmq] ${message.trim()}`, { driver: 'rabbitmq', ...details });

/** What amqplib and Node say when a certificate or the handshake is at fault. */
const TLS_CODE = /^(ERR_TLS|ERR_SSL|CERT_|DEPTH_ZERO|SELF_SIGNED|UNABLE_TO_|EPROTO|ERR_OSSL|HOSTNAME_MISMATCH)/;
const TLS_TEXT = /certificate|wrong version number|\bssl\b|\btls\b.*alert/i;

/**
 * Why a connection could not be made, with what to do about it. n.b. amqplib's own texts hide the reason of a refused
 * virtual host, and none of ours may show the password.
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
    const why = `the server does not offer the mechanism ${options.mechanism.toUpperCase()}. Check mechanism, and the server's auth_mechanisms.`;
    return refuse('TRANSPORT_AUTHENTICATION_FAILED', why);
  }
  if (isVhostRefused(error)) {
    if (vhost !== undefined && !isForNow(vhost))
      return refuse('TRANSPORT_AUTHORIZATION_FAILED', refusedVhost(address, options));
    const why = `virtual host "${address.vhost}" does not open: ${sentence(vhost?.text ?? 'the server does not say why')} Raise the limit of connections, or wait until the virtual host is up.`;
    return refuse('TRANSPORT_BROKER_UNREACHABLE', why, true);
  }
  const code = codeOf(error);
  if (TLS_CODE.test(code) || TLS_TEXT.test(text)) {
    const why = `the encrypted connection could not be made: ${tlsText(text, code)}. Check tls: ca, cert, key and serverName, and that ${address.name} speaks TLS.`;
    return refuse('TRANSPORT_TLS_FAILED', why);
  }
  return refuse('TRANSPORT_BROKER_UNREACHABLE', unreachable(text, code, address), true);
}

/** n.b. all that amqplib reports of it. */
export const isVhostRefused = (error: unknown): boolean => /Expected ConnectionOpenOk/.test(messageOf(error));

/** What passes by itself: connections end, and a virtual host is down while its node starts. */
const isForNow = ({ code, text }: VhostRefusal): boolean =>
  code === INTERNAL_ERROR || /limit \(\d+\) is reached|is down/.test(text);
const INTERNAL_ERROR = 541;

function refusedLogin({ username }: RabbitmqAddress, { mechanism }: ResolvedRabbitmqOptions): string {
  if (mechanism === 'external')
    return 'the server knows no user for the client certificate. Check tls.cert, and the user it names.';
  const guest = username === 'guest' ? ' RabbitMQ admits "guest" from its own machine only.' : '';
  return `the server refused the login of user "${username}". Check username and password.${guest}`;
}

function refusedVhost({ vhost, username }: RabbitmqAddress, { mechanism }: ResolvedRabbitmqOptions): string {
  const who = mechanism === 'external' ? "the certificate's user" : `user "${username}"`;
  return `virtual host "${vhost}" does not exist, or ${who} may not use it. Check vhost, and the user's permissions there.`;
}

function unreachable(text: string, code: string, { name, encrypted }: RabbitmqAddress): string {
  const why = code !== '' && !text.includes(code) ? `${code} ${text}`.trim() : text;
  const hint = /abruptly|disconnected before|ECONNRESET/.test(why)
    ? ` If it hangs up at once, the listener at ${name} may ${encrypted ? 'not speak TLS: write amqp:' : 'want TLS: write amqps:'}.`
    : '';
  return `${sentence(why)} ${startAdvice('RabbitMQ', 'there')}${hint}`;
}

const tlsText = (text: string, code: string): string =>
  (text.includes('SSL routines') || text === '' ? code : text.split('\n', 1)[0]) ?? code;
const codeOf = (error: unknown): string => String((error as { code?: unknown } | null)?.code ?? '');
const sentence = (text: string): string => (/[.!?]$/.test(text) ? text : `${text}.`);

/** Numbers that RabbitMQ closes a channel with. */
const NO_ROUTE_TO_IT = 404;
const ACCESS_REFUSED = 403;
const LOCKED = 405;
const PRECONDITION_FAILED = 406;

/** The number that a channel was closed with; undefined when the connection went. */
export const replyCodeOf = (error: unknown): number | undefined => {
  const { code } = (error ?? {}) as { code?: unknown };
  return typeof code === 'number' ? code : undefined;
};

/** It is there, with other settings. */
export const isMismatch = (error: unknown): boolean => replyCodeOf(error) === PRECONDITION_FAILED;

/** The user lacks the right to it. */
export const isRefused = (error: unknown): boolean => replyCodeOf(error) === ACCESS_REFUSED;

export const isMissing = (error: unknown): boolean => replyCodeOf(error) === NO_ROUTE_TO_IT;

export const isQueueMissing = (error: unknown): boolean => isMissing(error) && /no queue '/.test(messageOf(error));

/** A classic queue is there, and its only copy is on a node that is down. */
export const isHomeNodeDown = (error: unknown): boolean => isMissing(error) && /home node '/.test(messageOf(error));

/** The exchange that a channel was closed for; RabbitMQ's sentence names it. */
export const missingExchangeIn = (failure: Error): string => /no exchange '([^']*)'/.exec(failure.message)?.[1] ?? '';

/** RabbitMQ's own sentence, without amqplib's frame around it. */
export function replyTextOf(error: unknown): string {
  const text = messageOf(error);
  return /"(.*)"/s.exec(text)?.[1] ?? text;
}

/** What a channel was closed for, with what to do about it. */
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
        advice: 'Create it, or let the driver do it: rabbitmq({ provision: true }).',
      };
    case ACCESS_REFUSED:
      return {
        code: 'TRANSPORT_AUTHORIZATION_FAILED',
        retryable: false,
        advice:
          'Give the user the right to it (configure, write, read), or say rabbitmq({ provision: false }) where it exists already.',
      };
    case LOCKED:
      return { code: 'TRANSPORT_OPTION_CONFLICT', retryable: true, advice: 'Another connection has it to itself.' };
    case PRECONDITION_FAILED:
      return {
        code: 'TRANSPORT_OPTION_CONFLICT',
        retryable: false,
        advice:
          'It exists with other settings. Make the options agree (exchangeType, queueType, queueArguments, singleActiveConsumer), say rabbitmq({ provision: false }) to use it as it is, or delete it.',
      };
    default:
      return { code: 'TRANSPORT_BROKER_UNREACHABLE', retryable: true, advice: '' };
  }
}
