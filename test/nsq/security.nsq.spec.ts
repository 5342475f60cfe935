import { createServer, type Server } from 'node:http';
import { mkdtempSync, rmSync } from 'node:fs';
import { type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { inspect } from 'node:util';
import { isTransportError } from 'nest-transport';
import { nsq as nsqBroker, type NsqOptions } from 'nest-transport/nsq';
import { makeCertificates, type Certificates } from '../../tools/brokers/certificates.mjs';
import { startNsq, type PrivateNsq } from '../../tools/brokers/nsq.mjs';
import { closeAll, connected, message, Side, TestSink, uniqueName, until } from './support.js';

const SECRET = 'Erlkoenig-secret';
const WRONG_SECRET = 'Zaubernuss-secret';

/** What nsqd asks whether a secret may log in, and to what: everything but topics that begin with "forbidden". */
function authServer(): Promise<Server> {
  const server = createServer((request, response) => {
    const secret = new URL(request.url ?? '/', 'http://x').searchParams.get('secret');
    response.statusCode = secret === SECRET ? 200 : 403;
    const authorizations = [{ topic: '^(allowed|c)', channels: ['.*'], permissions: ['subscribe', 'publish'] }];
    response.end(JSON.stringify({ ttl: 60, identity: 'test', identity_url: '', authorizations }));
  });
  return new Promise((resolve) => server.listen(0, '127.0.0.1', () => resolve(server)));
}

describe('an NSQ that wants to be spoken to safely', () => {
  const folder = mkdtempSync(join(tmpdir(), 'nest-transport-nsq-tls-'));
  let certificates: Certificates;
  let asked: Server;
  let nsq: PrivateNsq;
  /** TLS if the client wants it; TLS required and a client certificate; another host's certificate; AUTH; AUTH over TLS. */
  let [plainOrTls, mutual, wrongHost, auth, authTls, plain]: string[] = [];

  beforeAll(async () => {
    certificates = await makeCertificates(folder);
    asked = await authServer();
    const tls = ({ certFile, keyFile }: { certFile: string; keyFile: string }) => ({
      ...{ 'tls-cert': certFile, 'tls-key': keyFile, 'tls-min-version': 'tls1.2', 'https-address': '127.0.0.1:0' },
    });
    const authFlags = { 'auth-http-address': `127.0.0.1:${(asked.address() as AddressInfo).port}` };
    const { server, ca } = certificates;
    nsq = await startNsq({ flags: {} });
    const add = async (flags: Record<string, string | boolean>) => (await nsq.addNode(flags)).tcp;
    plain = nsq.nodes[0]?.tcp;
    plainOrTls = await add(tls(server));
    mutual = await add({
      ...tls(server),
      ...{ 'tls-required': true, 'tls-root-ca-file': ca.certFile, 'tls-client-auth-policy': 'require-verify' },
    });
    wrongHost = await add({ ...tls(certificates.wrongHost), 'tls-required': true });
    auth = await add(authFlags);
    authTls = await add({ ...tls(server), ...authFlags, 'tls-required': true });
  }, 300_000);
  afterEach(closeAll);
  afterAll(async () => {
    await nsq.stop();
    asked.close();
    rmSync(folder, { recursive: true });
  });

  const at = (address: string | undefined): { nsqd: string[] } => ({ nsqd: [address ?? ''] });
  const ca = () => certificates.ca.cert;
  const client = (pair: { cert: string; key: string }) => ({ ca: ca(), cert: pair.cert, key: pair.key });

  const right: [string, () => Partial<NsqOptions>][] = [
    ['TLS', () => ({ ...at(plainOrTls), tls: { ca: ca() } })],
    ['TLS 1.3', () => ({ ...at(plainOrTls), tls: { ca: ca(), minVersion: 'TLSv1.3' } })],
    ['TLS by host name', () => ({ ...at(plainOrTls?.replace('127.0.0.1', 'localhost')), tls: { ca: ca() } })],
    ['TLS and snappy', () => ({ ...at(plainOrTls), tls: { ca: ca() }, compression: 'snappy' })],
    ['TLS and deflate', () => ({ ...at(plainOrTls), tls: { ca: ca() }, compression: 'deflate' })],
    ['snappy', () => ({ ...at(plain), compression: 'snappy' })],
    ['deflate', () => ({ ...at(plain), compression: 'deflate' })],
    ['mutual TLS', () => ({ ...at(mutual), tls: client(certificates.client) })],
    [
      'a host name that is verified under another',
      () => ({ ...at(wrongHost), tls: { ca: ca(), serverName: 'other.example' } }),
    ],
    ['AUTH to this machine', () => ({ ...at(auth), authSecret: SECRET })],
    ['AUTH over TLS', () => ({ ...at(authTls), authSecret: SECRET, tls: { ca: ca() } })],
    ['a secret that nobody asks for', () => ({ ...at(plain), authSecret: SECRET })],
  ];
  it.each(right)('publishes and consumes by %s', async (_name, options) => {
    const topic = uniqueName('allowed');
    const side = await connected(options());
    const sink = new TestSink();
    const consumption = await side.consume(topic, sink);
    const bodies = [Buffer.from('"small"'), Buffer.alloc(600_000, 'large '), Buffer.from([0, 1, 2])];
    const results = await side.send(...bodies.map((body) => message(topic, { body })));
    expect(results.filter((result) => isTransportError(result))).toEqual([]);
    await until('all have come', () => sink.done.length === bodies.length);
    const bySize = (a: Buffer, b: Buffer): number => a.length - b.length;
    const [came, went] = [sink.done.map(({ body }) => body ?? Buffer.alloc(0)), bodies].map((all) =>
      Buffer.concat([...all].sort(bySize)),
    );
    expect(came?.equals(went ?? Buffer.alloc(0))).toBe(true);
    // The last settlements are read before the end, whatever they go through.
    await consumption.close();
    const again = new TestSink();
    await side.consume(topic, again);
    await side.send(message(topic, { id: 'afterwards' }));
    await until('only what is new comes', () => again.done.length === 1);
    expect(again.doneIds).toEqual(['afterwards']);
  });

  const wrong: [string, () => Partial<NsqOptions>, string, RegExp][] = [
    [
      'an authority it does not know',
      () => ({ ...at(plainOrTls), tls: true }),
      'TRANSPORT_TLS_FAILED',
      /certificate.*Check tls/s,
    ],
    [
      'the wrong authority',
      () => ({ ...at(plainOrTls), tls: { ca: certificates.wrongCa.cert } }),
      'TRANSPORT_TLS_FAILED',
      /certificate/,
    ],
    ['the wrong host name', () => ({ ...at(wrongHost), tls: { ca: ca() } }), 'TRANSPORT_TLS_FAILED', /altnames/],
    ['no client certificate', () => ({ ...at(mutual), tls: { ca: ca() } }), 'TRANSPORT_TLS_FAILED', /certificate/],
    [
      'a client certificate of another authority',
      () => ({ ...at(mutual), tls: client(certificates.wrongClient) }),
      'TRANSPORT_TLS_FAILED',
      /certificate|unknown ca/i,
    ],
    ['an nsqd without TLS', () => ({ ...at(plain), tls: { ca: ca() } }), 'TRANSPORT_TLS_FAILED', /has no TLS/],
    [
      'a wrong secret',
      () => ({ ...at(auth), authSecret: WRONG_SECRET }),
      'TRANSPORT_AUTHENTICATION_FAILED',
      /E_AUTH_FAILED.*Check authSecret/s,
    ],
    [
      'a wrong secret over TLS',
      () => ({ ...at(authTls), authSecret: WRONG_SECRET, tls: { ca: ca() } }),
      'TRANSPORT_AUTHENTICATION_FAILED',
      /E_AUTH_FAILED/,
    ],
    ['no secret', () => at(auth), 'TRANSPORT_AUTHENTICATION_FAILED', /requires authentication.*Check authSecret/s],
  ];
  it.each(wrong)('rejects at once, and names the check: %s', async (_name, options, code, text) => {
    const side = new Side(options());
    const error = await side.connect().then(
      () => undefined,
      (reason: unknown) => reason,
    );
    expect(error).toMatchObject({ code, retryable: false, message: expect.stringMatching(text) });
    expect(inspect(error, { depth: 10 })).not.toMatch(/Zaubernuss|Erlkoenig|PRIVATE KEY/);
  });

  it('that requires TLS says so to the first command, and the error says what to do', async () => {
    const side = await connected(at(wrongHost));
    await expect(side.consume(uniqueName('allowed'), new TestSink())).rejects.toMatchObject({
      code: 'TRANSPORT_TLS_FAILED',
      message: expect.stringMatching(/TLS required.*Check tls/s),
    });
    expect(await side.send(message(uniqueName('allowed')))).toMatchObject([
      { code: 'TRANSPORT_TLS_FAILED', stored: 'no' },
    ]);
  });

  it('refuses a topic that the login may not use, to publish and to subscribe, and hurts no other topic', async () => {
    const side = await connected({ ...at(auth), authSecret: SECRET });
    const [forbidden, allowed] = [uniqueName('forbidden'), uniqueName('allowed')];
    const results = await side.send(message(forbidden), message(allowed));
    expect(results[0]).toMatchObject({ code: 'TRANSPORT_AUTHORIZATION_FAILED', stored: 'no', retryable: false });
    expect(isTransportError(results[1])).toBe(false);
    await expect(side.consume(forbidden, new TestSink())).rejects.toMatchObject({
      code: 'TRANSPORT_AUTHORIZATION_FAILED',
      message: expect.stringMatching(new RegExp(`cannot subscribe to "${forbidden}" with channel "readers"`)),
    });
  });

  it('shows no secret in what is logged of the broker or the connection', () => {
    const options = { ...at(auth), authSecret: WRONG_SECRET };
    const broker = nsqBroker(options);
    const side = new Side(options);
    const shown = inspect([broker, side.connection, side.connection.health()], { depth: 10, showHidden: true });
    expect(shown + JSON.stringify(broker)).not.toContain('Zaubernuss');
  });
});
