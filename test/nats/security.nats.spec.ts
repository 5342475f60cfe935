import { inspect } from 'node:util';
import { nats, type NatsOptions } from 'nest-transport/nats';
import { startNats, type PrivateNats, type StartOptions } from '../../tools/brokers/nats.mjs';
import { afterwards, closeAll, message, Side, TestSink, until, uniqueName } from './support.js';

/** One server for each way to get in. */
const WAYS = {
  tls: { tls: 'server' },
  mtls: { tls: 'mutual' },
  wrongHost: { tls: 'wrong-host' },
  password: { login: 'password' },
  passwordTls: { tls: 'server', login: 'password' },
  token: { login: 'token' },
  nkey: { login: 'nkey' },
  creds: { login: 'creds' },
  plain: {},
} as const satisfies Record<string, StartOptions>;
type Way = keyof typeof WAYS;

const servers = {} as Record<Way, PrivateNats>;
const at = (way: Way): { servers: string[] } => ({ servers: [servers[way].url] });
const certificatesOf = (way: Way) => servers[way].secure.certificates;
const ca = (way: Way): string => certificatesOf(way).ca.cert;
const users = () => servers.password.secure.users;
const asAuth = ({ user, pass }: { user: string; pass: string }) => ({ user, password: pass });

beforeAll(async () => {
  const started = await Promise.all(
    Object.entries(WAYS).map(async ([way, options]) => [way, await startNats(options)] as const),
  );
  for (const [way, server] of started) servers[way as Way] = server;
}, 120_000);
afterAll(() => Promise.all(Object.values(servers).map((server) => server.stop())));
afterEach(closeAll);

describe('a secured NATS', () => {
  const ways: [string, () => Partial<NatsOptions>][] = [
    ['TLS', () => ({ ...at('tls'), tls: { ca: ca('tls') } })],
    [
      'TLS, by host name',
      () => ({ servers: [servers.tls.url.replace('127.0.0.1', 'localhost')], tls: { ca: ca('tls') } }),
    ],
    ['mutual TLS', () => ({ ...at('mtls'), tls: { ca: ca('mtls'), ...clientOf('mtls', 'client') } })],
    ['user and password', () => ({ ...at('password'), auth: asAuth(users().right) })],
    [
      'user and password over TLS',
      () => ({ ...at('passwordTls'), tls: { ca: ca('passwordTls') }, auth: asAuth(users().right) }),
    ],
    ['a token', () => ({ ...at('token'), auth: { token: servers.token.secure.tokens.right } })],
    ['an nkey', () => ({ ...at('nkey'), auth: { nkeySeed: servers.nkey.secure.seeds.right } })],
    ['credentials', () => ({ ...at('creds'), auth: { credentials: servers.creds.secure.creds.right } })],
  ];
  it.each(ways)('is published to and consumed from with %s', async (_name, options) => {
    const side = await new Side(options()).connect();
    const [topic, sink] = [uniqueName('secure'), new TestSink()];
    await side.connection.ensureTopics([topic], 'publish');
    await side.consume(topic, 'secure', sink);
    await side.send(message(topic));
    await until('it has come', () => sink.done.length === 1);
  });

  const wrong: [string, () => Partial<NatsOptions>, string, RegExp][] = [
    [
      'an authority it does not know',
      () => ({ ...at('tls'), tls: true }),
      'TRANSPORT_TLS_FAILED',
      /certificate.*Check tls/s,
    ],
    [
      'the wrong authority',
      () => ({ ...at('tls'), tls: { ca: certificatesOf('tls').wrongCa.cert } }),
      'TRANSPORT_TLS_FAILED',
      /certificate/,
    ],
    [
      'the wrong host name',
      () => ({ ...at('wrongHost'), tls: { ca: ca('wrongHost') } }),
      'TRANSPORT_TLS_FAILED',
      /altnames/,
    ],
    [
      'a name that is not the one asked for',
      () => ({ ...at('tls'), tls: { ca: ca('tls'), serverName: 'elsewhere.example' } }),
      'TRANSPORT_TLS_FAILED',
      /altnames/,
    ],
    [
      'no client certificate',
      () => ({ ...at('mtls'), tls: { ca: ca('mtls') } }),
      'TRANSPORT_TLS_FAILED',
      /certificate/,
    ],
    [
      'a client certificate of another authority',
      () => ({ ...at('mtls'), tls: { ca: ca('mtls'), ...clientOf('mtls', 'wrongClient') } }),
      'TRANSPORT_TLS_FAILED',
      /certificate|unknown ca/i,
    ],
    [
      'TLS where the server has none',
      () => ({ ...at('plain'), tls: { ca: ca('tls') } }),
      'TRANSPORT_TLS_FAILED',
      /does not support 'tls'/,
    ],
    [
      'a wrong password',
      () => ({ ...at('password'), auth: { user: 'alice', password: 'Zaubernuss' } }),
      'TRANSPORT_AUTHENTICATION_FAILED',
      /Authorization Violation.*Check auth/s,
    ],
    [
      'no login where one is asked for',
      () => at('password'),
      'TRANSPORT_AUTHENTICATION_FAILED',
      /Authorization Violation/,
    ],
    [
      'a wrong token',
      () => ({ ...at('token'), auth: { token: 'Zaubernuss' } }),
      'TRANSPORT_AUTHENTICATION_FAILED',
      /Authorization Violation/,
    ],
    [
      'an nkey the server does not know',
      () => ({ ...at('nkey'), auth: { nkeySeed: servers.nkey.secure.seeds.wrong } }),
      'TRANSPORT_AUTHENTICATION_FAILED',
      /Authorization Violation/,
    ],
    [
      'credentials of another operator',
      () => ({ ...at('creds'), auth: { credentials: servers.creds.secure.creds.foreign } }),
      'TRANSPORT_AUTHENTICATION_FAILED',
      /Authorization Violation/,
    ],
    [
      'credentials that have expired',
      () => ({ ...at('creds'), auth: { credentials: servers.creds.secure.creds.expired } }),
      'TRANSPORT_AUTHENTICATION_FAILED',
      /expired|Authorization Violation/i,
    ],
    [
      'credentials that are none',
      () => ({ ...at('creds'), auth: { credentials: 'Zaubernuss' } }),
      'TRANSPORT_AUTHENTICATION_FAILED',
      /credentials/,
    ],
    [
      'a seed that is none',
      () => ({ ...at('nkey'), auth: { nkeySeed: 'Zaubernuss' } }),
      'TRANSPORT_AUTHENTICATION_FAILED',
      /Check auth/,
    ],
  ];
  it.each(wrong)('rejects at once, and names the check: %s', async (_name, options, code, text) => {
    const side = new Side(options());
    const error = await side.connect().then(
      () => undefined,
      (reason: unknown) => reason,
    );
    expect(error).toMatchObject({ code, retryable: false, message: expect.stringMatching(text) });
    expect(inspect(error, { depth: 10 })).not.toMatch(
      /Zaubernuss|alice-secret|token-secret|PRIVATE KEY|SU[A-Z2-7]{50}/,
    );
  });

  it('rejects an address that is an IP and not in the certificate, although "localhost" is', async () => {
    const server = await startNats({ tls: 'server', config: { host: '0.0.0.0' } });
    afterwards(() => server.stop());
    const elsewhere = server.url.replace('127.0.0.1', '127.0.0.2');
    const side = new Side({ servers: [elsewhere], tls: { ca: server.secure.certificates.ca.cert } });
    await expect(side.connect()).rejects.toMatchObject({
      code: 'TRANSPORT_TLS_FAILED',
      message: expect.stringContaining('127.0.0.2'),
    });
  });

  it('says which right is missing, to whoever publishes and to whoever subscribes', async () => {
    const side = await new Side({
      ...at('password'),
      auth: asAuth(users().limited),
      requestTimeoutMs: 1_000,
    }).connect();
    await side.connection.ensureTopics(['allowed.x', 'forbidden'], 'publish');
    const [allowed, forbidden] = await side.send(message('allowed.x'), message('forbidden'));
    expect(allowed).toMatchObject({ topic: 'allowed.x' });
    expect(forbidden).toMatchObject({ code: 'TRANSPORT_AUTHORIZATION_FAILED', stored: 'no' });
  });

  it('shows no secret in what is logged of the broker or the connection', () => {
    const options = { ...at('password'), auth: { user: 'alice', password: 'Zaubernuss' } };
    const side = new Side(options);
    const shown = inspect([nats(options), side.connection, side.connection.health()], { depth: 10, showHidden: true });
    expect(shown + JSON.stringify(nats(options))).not.toContain('Zaubernuss');
  });
});

const clientOf = (way: Way, which: 'client' | 'wrongClient') => {
  const { cert, key } = certificatesOf(way)[which];
  return { cert, key };
};
