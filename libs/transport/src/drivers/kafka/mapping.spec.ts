import { createRequire } from 'node:module';
import { ClientFailure, type FailureReason } from './client/seam.js';
import {
  afterEarlier,
  headerOf,
  headersOf,
  keyText,
  rawHeadersOf,
  rawKeyOf,
  sendError,
  storedAfter,
  topicProblem,
  transportError,
} from './mapping.js';
import { PROTOCOL_ERRORS, protocolErrorName } from './client/protocol-errors.js';

const failure = (reason: FailureReason, protocol?: string, written = 0): ClientFailure =>
  new ClientFailure(reason, 'it broke', { protocol, written });
const unanswered = (protocol: string): ClientFailure =>
  new ClientFailure('protocol', 'it broke', { protocol, written: 1, unanswered: 1 });
const refused = (protocol: string, written = 1): ClientFailure => failure('protocol', protocol, written);

describe('what is known of a message after a failed request', () => {
  it.each([
    ['nothing was written', failure('unreachable'), 'no'],
    ['nothing was written before the login failed', failure('authentication'), 'no'],
    ['it was written and the connection broke', failure('closed', undefined, 1), 'unknown'],
    ['it was written and got no response', failure('timeout', undefined, 1), 'unknown'],
    ['the broker found it too large', refused('MESSAGE_TOO_LARGE'), 'no'],
    [
      'the broker found it too large after an earlier write without an answer',
      refused('MESSAGE_TOO_LARGE', 2),
      'unknown',
    ],
    ['the user lost the right to the topic between two writes', refused('TOPIC_AUTHORIZATION_FAILED', 2), 'unknown'],
    [
      'the same request was rejected twice',
      afterEarlier(refused('MESSAGE_TOO_LARGE'), refused('MESSAGE_TOO_LARGE')),
      'no',
    ],
    [
      'a rejected request was sent again and rejected for another reason',
      afterEarlier(refused('MESSAGE_TOO_LARGE'), refused('TOPIC_AUTHORIZATION_FAILED')),
      'unknown',
    ],
    [
      'a rejected request could not be sent again',
      afterEarlier(refused('MESSAGE_TOO_LARGE'), failure('closed')),
      'unknown',
    ],
    ['the user may not', refused('TOPIC_AUTHORIZATION_FAILED'), 'no'],
    [
      'the user may not ask for its topic, and it was written without an answer',
      unanswered('TOPIC_AUTHORIZATION_FAILED'),
      'unknown',
    ],
    ['its topic has no leader, and it was written without an answer', unanswered('LEADER_NOT_AVAILABLE'), 'unknown'],
    [
      'a rejected request was sent again without a response',
      afterEarlier(refused('MESSAGE_TOO_LARGE'), unanswered('MESSAGE_TOO_LARGE')),
      'unknown',
    ],
    ['the broker was not the leader, or not any more', refused('NOT_LEADER_FOR_PARTITION'), 'unknown'],
    ['the broker knows its sequence number', refused('DUPLICATE_SEQUENCE_NUMBER'), 'unknown'],
    ['the broker misses a sequence number', refused('OUT_OF_ORDER_SEQUENCE_NUMBER'), 'no'],
    [
      'the broker was not the leader, and before that the connection broke',
      refused('NOT_LEADER_FOR_PARTITION', 2),
      'unknown',
    ],
    ['too few replicas before it was written', refused('NOT_ENOUGH_REPLICAS'), 'no'],
    ['too few replicas after it was written', refused('NOT_ENOUGH_REPLICAS_AFTER_APPEND'), 'unknown'],
    ['the broker waited in vain for its replicas', refused('REQUEST_TIMED_OUT'), 'unknown'],
  ])('%s', (_what, fault, known) => {
    expect(storedAfter(fault)).toBe(known);
    expect(sendError(fault, { what: 'cannot publish to "orders"', brokers: ['b:1'], topic: 'orders' }).stored).toBe(
      known,
    );
  });

  it.each([
    [failure('unreachable'), 'TRANSPORT_BROKER_UNREACHABLE', true],
    [failure('closed', undefined, 1), 'TRANSPORT_PUBLISH_UNKNOWN', true],
    [refused('MESSAGE_TOO_LARGE'), 'TRANSPORT_MESSAGE_TOO_LARGE', false],
    [refused('TOPIC_AUTHORIZATION_FAILED'), 'TRANSPORT_AUTHORIZATION_FAILED', false],
    [refused('UNKNOWN_TOPIC_OR_PARTITION'), 'TRANSPORT_TOPIC_MISSING', true],
    [refused('NOT_ENOUGH_REPLICAS'), 'TRANSPORT_PUBLISH_FAILED', true],
    [refused('INVALID_RECORD'), 'TRANSPORT_PUBLISH_FAILED', false],
    [refused('POLICY_VIOLATION'), 'TRANSPORT_PUBLISH_FAILED', false],
    [refused('OUT_OF_ORDER_SEQUENCE_NUMBER'), 'TRANSPORT_PUBLISH_FAILED', true],
  ])('has a code of its own: %#', (fault, code, retryable) => {
    const error = sendError(fault, { what: 'cannot publish to "orders"', brokers: ['b:1'], topic: 'orders' });
    expect(error).toMatchObject({ code, retryable, topic: 'orders', driver: 'kafka', cause: fault });
  });
});

describe("an error in Kafka's table", () => {
  const PASSING = [-1, 8, 38, 45, 46, 47, 49, 59, 90];

  it('lists each code once, without a gap', () => {
    const codes = PROTOCOL_ERRORS.map(([code]) => code);
    expect(codes).toEqual([-1, ...Array.from({ length: 133 }, (_, index) => index + 1)]);
    expect(new Set(PROTOCOL_ERRORS.map(([, name]) => name)).size).toBe(codes.length);
  });

  it('has the names and flags of kafkajs, which knows the first 88', () => {
    const { errorCodes } = createRequire(`${process.cwd()}/package.json`)('kafkajs/src/protocol/error.js') as {
      errorCodes: { type: string; code: number; retriable: boolean }[];
    };
    const known = new Map(errorCodes.map((error) => [error.code, error]));
    const ours = PROTOCOL_ERRORS.filter(([code]) => known.has(code) && code !== 51);
    expect(ours).toEqual(ours.map(([code]) => [code, known.get(code)?.type, known.get(code)?.retriable]));
  });

  it.each(PROTOCOL_ERRORS)('%i %s is sent again only where that can help (retriable: %s)', (code, name, retriable) => {
    const error = sendError(failure('protocol', name), { what: 'cannot publish', brokers: ['b:1'] });
    expect(error).toMatchObject({ stored: 'no', retryable: retriable || PASSING.includes(code) });
  });

  it.each(['UNKNOWN_MEMBER_ID', 'ILLEGAL_GENERATION', 'REBALANCE_IN_PROGRESS'])(
    '%s is not final for a group',
    (protocol) => {
      expect(transportError(failure('protocol', protocol), { what: 'cannot join', brokers: [] }).retryable).toBe(true);
    },
  );

  it('may pass when it is newer than the table', () => {
    expect(protocolErrorName(9_999)).toBe('ERROR_CODE_9999');
    expect(sendError(refused('ERROR_CODE_9999'), { what: 'cannot publish', brokers: [] }).retryable).toBe(true);
  });
});

describe('a failure of the client', () => {
  it.each([
    ['tls', undefined, 'TRANSPORT_TLS_FAILED', false],
    ['authentication', undefined, 'TRANSPORT_AUTHENTICATION_FAILED', false],
    ['unreachable', undefined, 'TRANSPORT_BROKER_UNREACHABLE', true],
    ['protocol', 'GROUP_AUTHORIZATION_FAILED', 'TRANSPORT_AUTHORIZATION_FAILED', false],
    ['protocol', 'INVALID_GROUP_ID', 'TRANSPORT_GROUP_INVALID', false],
    ['protocol', 'INCONSISTENT_GROUP_PROTOCOL', 'TRANSPORT_OPTION_CONFLICT', true],
    ['protocol', 'SOMETHING_NEW', 'TRANSPORT_BROKER_UNREACHABLE', true],
  ] as const)('%s %s is %s', (reason, protocol, code, retryable) => {
    const error = transportError(failure(reason, protocol), { what: 'cannot consume', brokers: ['b:1'] });
    expect(error).toMatchObject({ code, retryable });
    expect(error.message).toMatch(/^\[kafka\] cannot consume: it broke\. /);
  });
});

describe('names, keys and headers', () => {
  it('accepts the topic names that Kafka accepts', () => {
    expect(['a', 'a.b_c-D9', '...', 'a'.repeat(249)].map(topicProblem)).toEqual([
      undefined,
      undefined,
      undefined,
      undefined,
    ]);
  });

  it('reads keys as UTF-8, whatever they hold', () => {
    expect(keyText(null)).toBeUndefined();
    expect(keyText(Buffer.alloc(0))).toBe('');
    for (const key of ['order-7', 'Größe', '鍵', 'x'.repeat(100), `${'x'.repeat(100)}ö`])
      expect(keyText(Buffer.from(key))).toBe(key);
    expect(keyText(Buffer.from([0x61, 0xff]))).toBe('a\ufffd');
  });

  const record = (headers?: Record<string, unknown>) => ({
    offset: '0',
    key: null,
    value: null,
    timestamp: '0',
    headers,
  });

  it('keeps the bytes of keys and headers that are no UTF-8, and only of those', () => {
    const odd = Buffer.from([0x61, 0xff]);
    expect([null, Buffer.from('größe'), odd].map(rawKeyOf)).toEqual([undefined, undefined, odd]);
    expect(rawHeadersOf(record({ a: Buffer.from('größe'), b: 'text', c: [odd, Buffer.from('last')] }))).toBeUndefined();
    expect(rawHeadersOf(record(undefined))).toBeUndefined();
    expect(rawHeadersOf(record({ A: odd, b: [Buffer.from('first'), odd], c: Buffer.from('d') }))).toEqual({
      a: odd,
      b: odd,
    });
  });

  it('shows no header that is not there, and never one of Object', () => {
    expect(headerOf(record({}), 'constructor')).toBeUndefined();
    expect(headerOf(record(undefined), 'x')).toBeUndefined();
    expect(Object.getPrototypeOf(headersOf(record({ a: 'b' })))).toBeNull();
    expect(headersOf(record({ __proto__x: 'y' }))).toEqual({ __proto__x: 'y' });
  });

  it('uses the last text of a repeated header and skips what is neither bytes nor text', () => {
    const odd = record({ a: [Object, Buffer.from('b')], c: [Buffer.from('d'), null], e: null });
    expect({ ...headersOf(odd) }).toEqual({ a: 'b', c: 'd' });
  });
});
