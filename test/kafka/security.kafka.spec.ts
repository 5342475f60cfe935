import { inspect } from 'node:util';
import { startKafka, type PrivateKafka, type Secure } from '../../tools/brokers/kafka.mjs';
import type { KafkaOptions } from 'nest-transport/kafka';
import { kafka as kafkaBroker } from 'nest-transport/kafka';
import { closeAll, connected, message, newTopic, Side, TestSink, uniqueName, until } from './support.js';

describe('a Kafka that wants to be spoken to safely', () => {
  let kafka: PrivateKafka;
  let secure: Secure;
  beforeAll(async () => {
    kafka = await startKafka({ security: true });
    secure = kafka.secure as Secure;
  }, 120_000);
  afterEach(closeAll);
  afterAll(() => kafka.stop());

  const plain = () => ({ mechanism: 'plain', ...secure.users.plain }) as const;
  const scram = (bits: 256 | 512) => ({ mechanism: `scram-sha-${bits}`, ...secure.users.scram }) as const;
  const ca = () => secure.certificates.ca.cert;
  const client = (pair: { cert: string; key: string }) => ({ ca: ca(), cert: pair.cert, key: pair.key });

  const right: [string, () => Partial<KafkaOptions>][] = [
    ['TLS', () => ({ brokers: secure.tls, tls: { ca: ca() } })],
    ['mutual TLS', () => ({ brokers: secure.mtls, tls: client(secure.certificates.client) })],
    [
      'a host name that is verified under another',
      () => ({ brokers: secure.wrongHost, tls: { ca: ca(), serverName: 'other.example' } }),
    ],
    ['PLAIN to this machine', () => ({ brokers: secure.sasl, sasl: plain() })],
    ['SCRAM-SHA-256', () => ({ brokers: secure.sasl, sasl: scram(256) })],
    ['SCRAM-SHA-512 over TLS', () => ({ brokers: secure.saslTls, sasl: scram(512), tls: { ca: ca() } })],
    ['PLAIN over TLS', () => ({ brokers: secure.saslTls, sasl: plain(), tls: { ca: ca() } })],
  ];
  it.each(right)('publishes and consumes by %s', async (_name, options) => {
    const topic = await newTopic(1, {}, kafka.brokers);
    const side = await connected(options());
    const sink = new TestSink();
    await side.consume(uniqueName('group'), [topic, sink]);
    await side.send(message(topic));
    await until('it has come', () => sink.done.length === 1);
  });

  const wrong: [string, () => Partial<KafkaOptions>, string, RegExp][] = [
    [
      'an authority it does not know',
      () => ({ brokers: secure.tls, tls: true }),
      'TRANSPORT_TLS_FAILED',
      /certificate.*Check tls/s,
    ],
    [
      'the wrong authority',
      () => ({ brokers: secure.tls, tls: { ca: secure.certificates.wrongCa.cert } }),
      'TRANSPORT_TLS_FAILED',
      /certificate/,
    ],
    [
      'the wrong host name',
      () => ({ brokers: secure.wrongHost, tls: { ca: ca() } }),
      'TRANSPORT_TLS_FAILED',
      /altnames/,
    ],
    [
      'no client certificate',
      () => ({ brokers: secure.mtls, tls: { ca: ca() } }),
      'TRANSPORT_TLS_FAILED',
      /certificate/,
    ],
    [
      'a client certificate of another authority',
      () => ({ brokers: secure.mtls, tls: client(secure.certificates.wrongClient) }),
      'TRANSPORT_TLS_FAILED',
      /certificate|unknown ca/i,
    ],
    [
      'a wrong password (PLAIN)',
      () => ({ brokers: secure.sasl, sasl: { ...plain(), password: 'Zaubernuss' } }),
      'TRANSPORT_AUTHENTICATION_FAILED',
      /Invalid username or password.*Check sasl/s,
    ],
    [
      'a wrong password (SCRAM)',
      () => ({ brokers: secure.sasl, sasl: { ...scram(512), password: 'Zaubernuss' } }),
      'TRANSPORT_AUTHENTICATION_FAILED',
      /invalid credentials/,
    ],
    [
      'an unknown user',
      () => ({ brokers: secure.sasl, sasl: { ...scram(256), username: 'nobody' } }),
      'TRANSPORT_AUTHENTICATION_FAILED',
      /invalid credentials/,
    ],
  ];
  it.each(wrong)('rejects at once, and names the check: %s', async (_name, options, code, text) => {
    const side = new Side(options());
    const error = await side.connect().then(
      () => undefined,
      (reason: unknown) => reason,
    );
    expect(error).toMatchObject({ code, retryable: false, message: expect.stringMatching(text) });
    expect(inspect(error, { depth: 10 })).not.toMatch(/Zaubernuss|alice-secret|bob-secret|PRIVATE KEY/);
  });

  const hints: [string, () => Partial<KafkaOptions>, RegExp][] = [
    ['a TLS port without TLS', () => ({ brokers: secure.tls }), /may require TLS or a login/],
    ['a SASL port without a login', () => ({ brokers: secure.sasl }), /may require TLS or a login/],
    ['a plain port with TLS', () => ({ brokers: kafka.brokers, tls: { ca: ca() } }), /remove tls|Check tls/],
  ];
  it.each(hints)('hints at what is likely: %s', async (_name, options, text) => {
    const side = new Side({ ...options(), connectionTimeoutMs: 1_500 });
    await expect(side.connection.connectOnce()).rejects.toThrow(text);
  });

  it('shows no secret in what is logged of the broker or the connection', () => {
    const options = { brokers: secure.sasl, sasl: { ...scram(512), password: 'Zaubernuss' } };
    const broker = kafkaBroker(options);
    const side = new Side(options);
    const shown = inspect([broker, side.connection, side.connection.health()], { depth: 10, showHidden: true });
    expect(shown + JSON.stringify(broker)).not.toContain('Zaubernuss');
  });
});
