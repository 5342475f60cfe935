import { isTransportError, requireCapabilities, type TransportError } from '../../contract/index.js';
import { kafka, type KafkaOptions } from './index.js';
import { KAFKA_DEFAULTS, resolveKafkaOptions } from './options.js';

const brokers = ['localhost:9092'];
const errorOf = (options: unknown): TransportError => {
  try {
    resolveKafkaOptions(options as KafkaOptions);
  } catch (error) {
    if (isTransportError(error)) return error;
    throw error;
  }
  throw new Error('was not refused');
};

describe('kafka() options', () => {
  it('have a safe default each', () => {
    expect(resolveKafkaOptions({ brokers })).toEqual({ ...KAFKA_DEFAULTS, brokers, idempotent: true });
    expect(resolveKafkaOptions({ brokers, acks: 'leader', maxWaitMs: undefined } as never)).toMatchObject({
      idempotent: false,
      maxWaitMs: 250,
    });
  });

  it.each([
    [{ brokers, sessionTimeout: 1 }, 'TRANSPORT_OPTION_UNKNOWN', 'sessionTimeoutMs'],
    [
      { brokers, tls: { rejectUnauthorized: false } },
      'TRANSPORT_OPTION_UNKNOWN',
      'kafka() tls has no option "rejectUnauthorized"',
    ],
    [{ brokers, sasl: { mechanism: 'plain', user: 'a' } }, 'TRANSPORT_OPTION_UNKNOWN', 'username'],
    [{ brokers, provision: { partition: 3 } }, 'TRANSPORT_OPTION_UNKNOWN', 'partitions'],
    [{}, 'TRANSPORT_OPTION_INVALID', 'brokers must be'],
    [{ brokers: [] }, 'TRANSPORT_OPTION_INVALID', 'brokers must be'],
    [{ brokers: ['localhost'] }, 'TRANSPORT_OPTION_INVALID', 'host:port'],
    [{ brokers: ['kafka://localhost:9092'] }, 'TRANSPORT_OPTION_INVALID', 'host:port'],
    [
      { brokers: ['localhost:9092', 'localhost'] },
      'TRANSPORT_OPTION_INVALID',
      'got "localhost" (string) as entry 2 of 2',
    ],
    [{ brokers: ['u:hunter2@localhost'] }, 'TRANSPORT_OPTION_INVALID', 'got a string with "@" as entry 1 of 1'],
    [{ brokers, maxUncommitted: 0 }, 'TRANSPORT_OPTION_INVALID', 'an integer >= 1, got 0'],
    [{ brokers, compression: 'brotli' }, 'TRANSPORT_OPTION_INVALID', '"zstd"'],
    [{ brokers, acks: 'none' }, 'TRANSPORT_OPTION_INVALID', '"leader"'],
    [{ brokers, sasl: { mechanism: 'plain', username: 'a' } }, 'TRANSPORT_OPTION_INVALID', 'sasl.password'],
    [{ brokers, idempotent: true, acks: 'leader' }, 'TRANSPORT_OPTION_CONFLICT', "acks: 'all'"],
    [{ brokers, heartbeatIntervalMs: 20_000 }, 'TRANSPORT_OPTION_CONFLICT', 'a third'],
    [{ brokers, tls: { cert: 'x' } }, 'TRANSPORT_OPTION_CONFLICT', 'must be set together'],
  ])('refuse %j', (options, code, text) => {
    const error = errorOf(options);
    expect(error.code).toBe(code);
    expect(error.message).toContain(text);
  });

  const sasl = { mechanism: 'plain', username: 'alice', password: 'Zaubernuss' } as const;

  it('reject PLAIN without TLS to a remote broker, unless allowPlainWithoutTls is set', () => {
    for (const remote of ['kafka.example:9092', '10.0.0.7:9092', '[2001:db8::1]:9092', '127.example.com:9092']) {
      expect(errorOf({ brokers: [remote], sasl }).code).toBe('TRANSPORT_OPTION_CONFLICT');
    }
    for (const near of ['localhost:9092', '127.0.0.1:9092', '127.9.9.9:1', '[::1]:9092'])
      resolveKafkaOptions({ brokers: [near], sasl });
    resolveKafkaOptions({ brokers: ['kafka.example:9092'], sasl, allowPlainWithoutTls: true });
    resolveKafkaOptions({ brokers: ['kafka.example:9092'], sasl, tls: true });
    resolveKafkaOptions({ brokers: ['kafka.example:9092'], sasl: { ...sasl, mechanism: 'scram-sha-512' } });
  });

  it.each([
    { brokers: ['kafka.example:9092'], sasl },
    { brokers, sasl: { ...sasl, password: ['Zaubernuss'] } },
    { brokers, sasl: { ...sasl, mechanism: 'gssapi' } },
    { brokers, sasl: { ...sasl, realm: 'x' } },
  ])('show no password when they are refused', (options) => {
    expect(errorOf(options).message).not.toContain('Zaubernuss');
  });
});

describe('the kafka broker', () => {
  const subscription = {
    topic: 'orders',
    group: 'stock',
    delivery: 'group',
    startFrom: 'beginning',
    ordering: 'key',
    concurrency: 1,
    maxInFlight: 10,
  } as const;

  it.each([
    [{ topic: 'order created' }, 'TRANSPORT_TOPIC_INVALID'],
    [{ topic: '..' }, 'TRANSPORT_TOPIC_INVALID'],
    [{ group: '' }, 'TRANSPORT_GROUP_INVALID'],
    [{ maxInFlight: 5_001 }, 'TRANSPORT_OPTION_CONFLICT'],
  ])('refuses a subscription that Kafka would refuse: %j', (more, code) => {
    expect(() => kafka({ brokers }).checkSubscription({ ...subscription, ...more })).toThrow(code);
  });

  it('accepts a valid subscription', () => {
    expect(() => kafka({ brokers }).checkSubscription({ ...subscription, topic: 'a'.repeat(249) })).not.toThrow();
  });
});

it('names the reason why delayed publishing is unsupported', () => {
  expect(() => requireCapabilities(kafka({ brokers }), ['delayedPublish'], 'publish')).toThrow('Kafka has no timer');
});
