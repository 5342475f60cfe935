import { inspect } from 'node:util';
import { isTransportError, requireCapabilities } from '../../contract/index.js';
import { nsq } from './index.js';
import { NSQ_DEFAULTS, resolveNsqOptions, type NsqOptions } from './options.js';

const refusal = (options: object): { code: string; message: string } => {
  try {
    resolveNsqOptions(options as NsqOptions);
  } catch (error) {
    if (isTransportError(error)) return error;
    throw error;
  }
  return { code: 'taken', message: '' };
};
const nsqd = ['localhost:4150'];

describe('the options of nsq()', () => {
  it('are complete with an address alone', () => {
    expect(resolveNsqOptions({ nsqd, compression: undefined as never })).toEqual({ nsqd, ...NSQ_DEFAULTS });
    expect(refusal({ lookupd: ['http://[::1]:4161', 'https://lookup.example'] }).code).toBe('taken');
  });

  it.each([
    [{}, 'TRANSPORT_OPTION_INVALID', /nsqd or lookupd/],
    [{ nsqd: [] }, 'TRANSPORT_OPTION_INVALID', /addresses "host:port"/],
    [{ nsqd: ['http://x:4150'] }, 'TRANSPORT_OPTION_INVALID', /addresses "host:port"/],
    [{ lookupd: ['localhost:4161'] }, 'TRANSPORT_OPTION_INVALID', /http:\/\/host:port/],
    [{ nsqd, lookupds: [] }, 'TRANSPORT_OPTION_UNKNOWN', /Did you mean "lookupd"/],
    [{ nsqd, tls: { cert: 'x' } }, 'TRANSPORT_OPTION_CONFLICT', /set together/],
    [{ nsqd, tls: { insecure: true } }, 'TRANSPORT_OPTION_UNKNOWN', /insecure/],
    [{ nsqd, messageTimeoutMs: 999 }, 'TRANSPORT_OPTION_INVALID', />= 1000/],
    [{ nsqd, outputBufferMs: 10 }, 'TRANSPORT_OPTION_INVALID', /one of 0, or an integer >= 25/],
    [{ nsqd, envelope: 'json' }, 'TRANSPORT_OPTION_INVALID', /"cloudevents", "none"/],
    [{ nsqd, maxMessageBytes: 100, maxRequestBytes: 100 }, 'TRANSPORT_OPTION_CONFLICT', /does not fit into a request/],
    [
      { nsqd: ['nsqd.example:4150'], authSecret: 's' },
      'TRANSPORT_OPTION_CONFLICT',
      /unencrypted to nsqd\.example:4150/,
    ],
    [{ lookupd: ['http://lookup.example:4161'], authSecret: 's' }, 'TRANSPORT_OPTION_CONFLICT', /lookup\.example/],
    [{ nsqd, authSecret: 'a\nSUB x y' }, 'TRANSPORT_OPTION_INVALID', /no line break/],
  ])('reject %j', (options, code, words) => {
    expect(refusal(options)).toMatchObject({ code, message: expect.stringMatching(words) });
  });

  it('let a secret be sent to this machine, over TLS, and unencrypted if explicitly allowed', () => {
    for (const options of [
      { nsqd: ['127.0.0.1:4150', '[::1]:4150', 'localhost:4150'], lookupd: ['http://127.8.0.1:4161'] },
      { nsqd: ['nsqd.example:4150'], tls: true as const },
      { nsqd: ['nsqd.example:4150'], allowPlainWithoutTls: true },
    ]) {
      expect(refusal({ ...options, authSecret: 'Zaubernuss' }).code).toBe('taken');
    }
  });

  it('show no secret, neither in an error nor in the broker', () => {
    expect(refusal({ nsqd: ['nsqd.example:4150'], authSecret: 'Zaubernuss' }).message).not.toContain('Zaubernuss');
    expect(refusal({ nsqd, authSecret: 'Zauber\nnuss' }).message).not.toContain('Zauber');
    const broker = nsq({ nsqd, authSecret: 'Zaubernuss' });
    expect(inspect(broker, { depth: 10, showHidden: true }) + JSON.stringify(broker)).not.toContain('Zaubernuss');
  });
});

describe('a subscription to NSQ', () => {
  const subscription = (more: object) => ({
    ...{ topic: 'orders', group: 'mail', delivery: 'group', startFrom: 'new', ordering: 'none' },
    ...{ concurrency: 1, maxInFlight: 1, ...more },
  });
  const check = (more: object): void => nsq({ nsqd }).checkSubscription(subscription(more) as never);

  it('has names that NSQ accepts, including their suffixes', () => {
    expect(() => check({})).not.toThrow();
    expect(() => check({ group: 'a'.repeat(64) })).not.toThrow();
    expect(() => check({ group: 'a'.repeat(60), delivery: 'every-instance' })).toThrow(
      expect.objectContaining({ code: 'TRANSPORT_GROUP_INVALID', message: expect.stringMatching(/70 characters/) }),
    );
    expect(() => check({ topic: 'a b' })).toThrow(expect.objectContaining({ code: 'TRANSPORT_TOPIC_INVALID' }));
    expect(() => check({ topic: `${'a'.repeat(60)}.mail.dead-letter` })).toThrow(/Set deadLetterTopic/);
  });

  it('has no redelivery delay above the limit of nsqd, and the error names the one that is too long', () => {
    expect(() => check({ redeliveryDelaysMs: [60_000, 3_600_000] })).not.toThrow();
    expect(() => check({ redeliveryDelaysMs: [60_000, 3_600_001] })).toThrow(
      expect.objectContaining({
        code: 'TRANSPORT_OPTION_CONFLICT',
        message: expect.stringMatching(
          /"orders" of group "mail": retry.redeliveryDelaysMs\[1\] \(3600001\) .* maxRequeueDelayMs \(3600000, the default\) of nsq\(\)/,
        ),
      }),
    );
    const patient = nsq({ nsqd, maxRequeueDelayMs: 7_200_000 });
    expect(() => patient.checkSubscription(subscription({ redeliveryDelaysMs: [3_600_001] }) as never)).not.toThrow();
  });

  it('supports headers only in an envelope', () => {
    expect(nsq({ nsqd }).capabilities.headers).toBe('emulated');
    expect(nsq({ nsqd, envelope: 'none' }).capabilities.headers).toBe('unsupported');
  });
});

it('reports why delayed messages are unsupported', () => {
  const refuse = () => requireCapabilities(nsq({ nsqd }), ['delayedPublish'], 'publish');
  expect(refuse).toThrow('delivers them before their time when it is restarted and loses them when it is killed');
});
