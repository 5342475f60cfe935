import { ClientFailure } from '../seam.js';
import { toFailure } from './failures.js';

const error = (name: string, message: string, more: object = {}): Error =>
  Object.assign(new Error(message), { name, ...more });

describe('what kafkajs throws', () => {
  it('hides the name of the error in its cause, and it is found', () => {
    const cause = error('KafkaJSProtocolError', 'The request included a message larger than ...', {
      type: 'MESSAGE_TOO_LARGE',
    });
    expect(
      toFailure(error('KafkaJSNonRetriableError', 'wrapped', { cause }), { written: 1, unanswered: 0 }),
    ).toMatchObject({
      reason: 'protocol',
      protocol: 'MESSAGE_TOO_LARGE',
      written: 1,
    });
    const many = error('KafkaJSAggregateError', 'Topic creation errors', {
      errors: [error('KafkaJSCreateTopicError', 'x', { type: 'INVALID_REPLICATION_FACTOR' })],
    });
    expect(toFailure(many).protocol).toBe('INVALID_REPLICATION_FACTOR');
  });

  it.each([
    [89, 'THROTTLING_QUOTA_EXCEEDED'],
    [90, 'PRODUCER_FENCED'],
    [9_999, 'ERROR_CODE_9999'],
  ])('has the name of error %i, which kafkajs does not know', (code, name) => {
    const cause = error('KafkaJSProtocolError', `Unknown error code ${code}`, { type: 'KAFKAJS_UNKNOWN_ERROR_CODE' });
    expect(toFailure(error('KafkaJSNonRetriableError', 'wrapped', { cause })).protocol).toBe(name);
  });

  it.each([
    [
      error('KafkaJSConnectionError', 'Connection error: connect ECONNREFUSED 127.0.0.1:1', { code: 'ECONNREFUSED' }),
      'unreachable',
    ],
    [error('KafkaJSConnectionError', 'Connection timeout'), 'unreachable'],
    [
      error('KafkaJSConnectionError', 'Connection error: unable to verify the first certificate', {
        code: 'UNABLE_TO_VERIFY_LEAF_SIGNATURE',
      }),
      'tls',
    ],
    [
      error('KafkaJSConnectionError', "Connection error: Hostname/IP does not match certificate's altnames", {
        code: 'ERR_TLS_CERT_ALTNAME_INVALID',
      }),
      'tls',
    ],
    [
      error(
        'KafkaJSConnectionError',
        'Connection error: Client network socket disconnected before secure TLS connection was established',
        { code: 'ECONNRESET' },
      ),
      'closed',
    ],
    [error('KafkaJSConnectionClosedError', 'Closed connection'), 'closed'],
    [error('KafkaJSSASLAuthenticationError', 'SASL PLAIN authentication failed'), 'authentication'],
    [error('KafkaJSRequestTimeoutError', 'Request Produce(key: 0, version: 7) timed out'), 'timeout'],
    [error('TypeError', 'x is not a function'), 'other'],
    ['a text', 'other'],
  ])('has a reason: %s', (thrown, reason) => {
    expect(toFailure(thrown).reason).toBe(reason);
  });

  it('is not wrapped twice', () => {
    const failure = new ClientFailure('closed', 'x');
    expect(toFailure(failure)).toBe(failure);
  });
});
