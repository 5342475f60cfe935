import type { Broker, Subscription, TransportError } from '../../contract/index.js';
import { nats } from './index.js';
import { consumerNameOf } from './topology/names.js';
import { NATS_DEFAULTS, resolveNatsOptions, type NatsOptions } from './options.js';

const refusal = (options: object): TransportError => {
  try {
    resolveNatsOptions({ servers: ['localhost:4222'], ...options } as NatsOptions);
  } catch (error) {
    return error as TransportError;
  }
  throw new Error('was not refused');
};

describe('options of nats()', () => {
  it('have a default each, and an undefined one counts as absent', () => {
    expect(resolveNatsOptions({ servers: ['nats://localhost:4222'], ackWaitMs: undefined } as never)).toMatchObject({
      ...NATS_DEFAULTS,
      servers: ['localhost:4222'],
    });
  });

  it.each([
    [{ server: 'x:1' }, 'TRANSPORT_OPTION_UNKNOWN', /Did you mean "servers"/],
    [{ servers: undefined }, 'TRANSPORT_OPTION_INVALID', /servers must be an array of addresses/],
    [{ servers: ['localhost'] }, 'TRANSPORT_OPTION_INVALID', /host:port/],
    [{ servers: ['nats://ada:secret@localhost:4222'] }, 'TRANSPORT_OPTION_INVALID', /without user or password/],
    [{ ackWaitMs: 10 }, 'TRANSPORT_OPTION_INVALID', /ackWaitMs must be an integer >= 1000, got 10/],
    [{ inboxPrefix: 'a.*' }, 'TRANSPORT_OPTION_INVALID', /inboxPrefix/],
    [{ tls: { insecure: true } }, 'TRANSPORT_OPTION_UNKNOWN', /insecure/],
    [{ tls: { cert: 'x' } }, 'TRANSPORT_OPTION_CONFLICT', /come together/],
    [{ auth: { user: 'ada' } }, 'TRANSPORT_OPTION_INVALID', /one of them only/],
    [{ auth: { token: 'x', nkeySeed: 'y' } }, 'TRANSPORT_OPTION_INVALID', /one of them only/],
    [{ provision: { replicas: 9 } }, 'TRANSPORT_OPTION_INVALID', /from 1 to 5/],
    [{ mode: 'core', provision: {} }, 'TRANSPORT_OPTION_CONFLICT', /provision is of JetStream/],
    [{ mode: 'core', singleActiveConsumer: true }, 'TRANSPORT_OPTION_CONFLICT', /singleActiveConsumer/],
    [{ maxBuffered: 5 }, 'TRANSPORT_OPTION_CONFLICT', /maxBuffered is of mode: 'core'/],
  ])('refuses %j', (options, code, text) => {
    expect(refusal(options)).toMatchObject({ code, message: expect.stringMatching(text) });
  });

  it.each([
    [{ auth: { user: 'ada', password: 'Zaubernuss' } }, /password readably to nats\.example:4222/],
    [{ auth: { token: 'Zaubernuss' } }, /token readably to nats\.example:4222/],
  ])('refuses to send a secret readably to another machine, and does not show it', (auth, text) => {
    const remote = { servers: ['127.0.0.1:4222', 'nats.example:4222'], ...auth };
    expect(refusal(remote)).toMatchObject({ code: 'TRANSPORT_OPTION_CONFLICT', message: expect.stringMatching(text) });
    expect(refusal(remote).message).not.toContain('Zaubernuss');
    for (const more of [
      { tls: true },
      { allowPlainWithoutTls: true },
      { servers: ['[::1]:4222', 'localhost:1'] },
    ] as object[]) {
      expect(() => resolveNatsOptions({ ...remote, ...more } as NatsOptions)).not.toThrow();
    }
    const seed = { servers: remote.servers, auth: { nkeySeed: 'never sent' } };
    expect(() => resolveNatsOptions(seed)).not.toThrow();
  });

  it('shows no secret in an error about its type', () => {
    expect(refusal({ auth: { user: 'ada', password: 12345678 } }).message).not.toContain('12345678');
  });
});

describe('a subscription', () => {
  const check = (options: Partial<NatsOptions>, more: object) => () =>
    nats({ servers: ['localhost:1'], ...options }).checkSubscription({
      ...{
        topic: 't',
        group: 'g',
        delivery: 'group',
        startFrom: 'new',
        ordering: 'none',
        concurrency: 1,
        maxInFlight: 256,
      },
      ...more,
    });

  it('is refused before anything connects, where the server would refuse it', () => {
    expect(check({}, {})).not.toThrow();
    expect(check({}, { topic: 'a.*' })).not.toThrow();
    expect(check({}, { topic: 'a b' })).toThrow(/TRANSPORT_TOPIC_INVALID/);
    expect(check({}, { group: '' })).toThrow(/TRANSPORT_GROUP_INVALID/);
    expect(check({ mode: 'core' }, { group: 'two words' })).toThrow(/TRANSPORT_GROUP_INVALID/);
    expect(check({ maxUnsettled: 100 }, {})).toThrow(
      /maxInFlight \(256\).*maxUnsettled \(100\).*TRANSPORT_OPTION_CONFLICT/s,
    );
  });

  it('says what the mode can promise', () => {
    expect(nats({ servers: ['localhost:1'] }).capabilities).toMatchObject({
      atLeastOnce: 'native',
      orderAcrossMembers: 'unsupported',
    });
    expect(nats({ servers: ['localhost:1'], singleActiveConsumer: true }).capabilities.orderAcrossMembers).toBe(
      'native',
    );
    expect(nats({ servers: ['localhost:1'], mode: 'core' }).capabilities).toMatchObject({
      atLeastOnce: 'unsupported',
      redelivery: 'unsupported',
    });
  });
});

it('a consumerName that returns no text is refused with the topic and the group; undefined means the default name', () => {
  const of = (name: unknown): Broker => nats({ servers: ['localhost:4222'], consumerName: () => name as string });
  const subscription = { topic: 'orders', group: 'stock', maxInFlight: 1 } as Subscription;
  const message = expect.stringMatching('consumerName.*"orders".*"stock"') as string;
  for (const wrong of [5, '', null])
    expect(() => of(wrong).checkSubscription(subscription)).toThrow(
      expect.objectContaining({ code: 'TRANSPORT_OPTION_INVALID', message }),
    );
  expect(() => of(undefined).checkSubscription(subscription)).not.toThrow();
  expect(consumerNameOf({ consumerName: () => undefined }, subscription)).toBe('stock-orders');
});
