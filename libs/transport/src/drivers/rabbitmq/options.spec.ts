import { requireCapabilities, type Subscription } from '../../contract/index.js';
import { resolveRabbitmqOptions, RABBITMQ_DEFAULTS, type RabbitmqOptions } from './options.js';
import { rabbitmq } from './index.js';

const URL = 'amqp://localhost';
const code = (options: unknown): string => {
  try {
    resolveRabbitmqOptions(options as RabbitmqOptions);
    return 'accepted';
  } catch (error) {
    return (error as { code: string }).code;
  }
};
const message = (options: unknown): string => {
  try {
    resolveRabbitmqOptions(options as RabbitmqOptions);
    return 'accepted';
  } catch (error) {
    return (error as Error).message;
  }
};

describe('options of rabbitmq()', () => {
  it('have the documented defaults', () => {
    const { addresses, ...rest } = resolveRabbitmqOptions({
      url: URL,
      exchange: undefined,
    } as unknown as RabbitmqOptions);
    expect(rest).toEqual(RABBITMQ_DEFAULTS);
    expect(addresses).toEqual([
      {
        ...{ host: 'localhost', port: 5672, encrypted: false, vhost: '/', username: 'guest', password: 'guest' },
        name: 'localhost:5672',
      },
    ]);
  });

  it('read host, port, login and virtual host from the address; explicit options take precedence', () => {
    const url = 'amqps://us%40er:p%2Fw@[::1]:1234/shop%2Feu';
    const [address] = resolveRabbitmqOptions({ url }).addresses;
    expect(address).toMatchObject({ host: '::1', port: 1234, encrypted: true, vhost: 'shop/eu' });
    expect(address).toMatchObject({ username: 'us@er', password: 'p/w' });
    const [named] = resolveRabbitmqOptions({ url, username: 'u', password: 'p', vhost: 'v' }).addresses;
    expect(named).toMatchObject({ username: 'u', password: 'p', vhost: 'v' });
  });

  it.each([
    [{}, 'TRANSPORT_OPTION_INVALID'],
    [{ url: [] }, 'TRANSPORT_OPTION_INVALID'],
    [{ url: 'localhost:5672' }, 'TRANSPORT_OPTION_INVALID'],
    [{ url: 'http://localhost' }, 'TRANSPORT_OPTION_INVALID'],
    [{ url: 'amqp://localhost/%zz' }, 'TRANSPORT_OPTION_INVALID'],
    [{ url: 'amqp://localhost?heartbeat=5' }, 'TRANSPORT_OPTION_INVALID'],
    [{ url: URL, heartbeatMs: 1_500 }, 'TRANSPORT_OPTION_INVALID'],
    [{ url: URL, queueArguments: { a: {} } }, 'TRANSPORT_OPTION_INVALID'],
    [{ url: URL, prefetch: 5 }, 'TRANSPORT_OPTION_UNKNOWN'],
    [{ url: 'amqps://x', tls: { certificate: 'x' } }, 'TRANSPORT_OPTION_UNKNOWN'],
    [{ url: 'amqps://x', tls: { cert: 'x' } }, 'TRANSPORT_OPTION_CONFLICT'],
    [{ url: URL, tls: true }, 'TRANSPORT_OPTION_CONFLICT'],
    [{ url: 'amqps://x', mechanism: 'external' }, 'TRANSPORT_OPTION_CONFLICT'],
    [{ url: URL, exchangeType: 'fanout', exchange: 'x' }, 'TRANSPORT_OPTION_CONFLICT'],
    [{ url: URL, queueArguments: { 'x-delivery-limit': 3 } }, 'TRANSPORT_OPTION_CONFLICT'],
    [{ url: ['amqp://localhost', 'amqp://other'] }, 'TRANSPORT_OPTION_CONFLICT'],
  ])('reject %j with %s', (options, expected) => {
    expect(code(options)).toBe(expected);
  });

  it.each([
    [{ url: 'amqp://other', allowPlainWithoutTls: true }],
    [{ url: 'amqps://other' }],
    [{ url: 'amqp://127.0.0.2' }],
    [{ url: 'amqps://x', mechanism: 'external', tls: { cert: 'c', key: 'k' } }],
  ])('accept %j', (options) => {
    expect(code(options)).toBe('accepted');
  });

  it('never show a password in an error', () => {
    const wrong = [
      'amqp://u:s3cret@',
      'amqp://u:s3cret@other',
      'u:s3cret@h',
      'amqp://u:s3cret@h?x=1',
      'amqp://u:s3cret%zz@h',
    ];
    for (const url of wrong) expect(message({ url })).not.toContain('s3cret');
    expect(message({ url: URL, password: { secret: 's3cret' } })).not.toContain('s3cret');
  });

  it('never show a password in the broker value either', async () => {
    const { inspect } = await import('node:util');
    expect(inspect(rabbitmq({ url: 'amqp://u:s3cret@localhost' }), { depth: 9, showHidden: true })).not.toContain(
      's3cret',
    );
  });
});

describe('the capabilities of rabbitmq()', () => {
  it('follow the options', () => {
    const of = (options: Partial<RabbitmqOptions>) => rabbitmq({ url: URL, ...options }).capabilities;
    expect(of({})).toMatchObject({ wildcards: 'native', orderAcrossMembers: 'unsupported' });
    expect(of({ exchangeType: 'fanout' })).toMatchObject({ wildcards: 'unsupported' });
    expect(of({ singleActiveConsumer: true })).toMatchObject({ orderAcrossMembers: 'native' });
    expect([of({}), of({ provision: false })]).toMatchObject([{ redelivery: 'native' }, { redelivery: 'emulated' }]);
  });
});

describe('a subscription on RabbitMQ', () => {
  const subscription: Subscription = {
    topic: 't',
    group: 'g',
    delivery: 'group',
    startFrom: 'new',
    ordering: 'key',
    concurrency: 1,
    maxInFlight: 256,
  };
  const check = (options: Partial<RabbitmqOptions>, changes: object = {}) => {
    try {
      rabbitmq({ url: URL, ...options }).checkSubscription({ ...subscription, ...changes });
      return 'accepted';
    } catch (error) {
      return (error as { code: string }).code;
    }
  };

  it('is rejected when the broker would reject it', () => {
    expect(check({})).toBe('accepted');
    expect(check({}, { topic: '' })).toBe('TRANSPORT_TOPIC_INVALID');
    expect(check({}, { group: 'a:b' })).toBe('TRANSPORT_GROUP_INVALID');
    expect(check({}, { group: 'g'.repeat(230) })).toBe('TRANSPORT_GROUP_INVALID');
    expect(check({ maxUnsettled: 100 })).toBe('TRANSPORT_OPTION_CONFLICT');
  });
});

it('names the reason why delayed publishing is unsupported with provision: false', () => {
  const refuse = (provision: boolean) => () =>
    requireCapabilities(rabbitmq({ url: URL, provision }), ['delayedPublish'], 'publish');
  expect(refuse(true)).not.toThrow();
  expect(refuse(false)).toThrow('with provision: false it declares none');
});

it.each([
  ['', 'it must be a text that is not empty'],
  [5, 'it must be a text that is not empty'],
  ['amq.q', 'reserves names'],
])('a queueName that returns %j is rejected with the topic and the group', (name, why) => {
  const broker = rabbitmq({ url: 'amqp://localhost', queueName: () => name as string });
  const subscription = { topic: 'orders', group: 'stock', maxInFlight: 1 } as Subscription;
  const message = expect.stringMatching(`queueName.*"orders".*"stock".*${why}`) as string;
  expect(() => broker.checkSubscription(subscription)).toThrow(
    expect.objectContaining({ code: 'TRANSPORT_GROUP_INVALID', message }),
  );
});
