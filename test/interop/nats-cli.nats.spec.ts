import { nats } from 'nest-transport/nats';
import { uniqueName } from '../../tools/brokers/names.mjs';
import { Application } from './application.js';
import { foreignClient, runClient } from './foreign-clients.mjs';

const url = process.env['NATS_URL'] ?? '';
const cli = await foreignClient('nats');
const describeWithCli = cli === undefined ? describe.skip : describe; // the nats CLI is not here; the line above says what brings it

const run = (...args: string[]): Promise<string> => runClient(cli ?? '', ['--server', url, ...args]);

/** The name of the stream that holds a topic. */
async function streamOf(topic: string): Promise<string> {
  const names = JSON.parse(await run('stream', 'ls', '--json', '--subject', topic)) as string[];
  return names[0] ?? '';
}

describeWithCli('the nats command line and an application on JetStream', () => {
  let topic: string;
  let application: Application;
  beforeEach(async () => {
    topic = uniqueName('orders');
    application = await Application.start(nats({ servers: [url], provision: {} }), topic);
  });
  afterEach(() => application.close());

  it('reads what we publish: the plain payload, the id that JetStream knows, and our headers beside it', async () => {
    await application.publish({ orderId: 'o-1', note: 'größer' }, { id: 'm-1', headers: { 'tenant-id': 'acme' } });
    const stream = await streamOf(topic);
    const stored = JSON.parse(await run('stream', 'get', stream, '--last-for', topic, '--json')) as {
      data: string;
      hdrs: string;
    };
    const text = (encoded: string): string => Buffer.from(encoded, 'base64').toString();
    expect(text(stored.data)).toBe('{"orderId":"o-1","note":"größer"}');
    expect(text(stored.hdrs).split('\r\n')).toEqual(
      expect.arrayContaining([
        'Nats-Msg-Id: m-1',
        'message-key: o-1',
        'message-type: order.created',
        'tenant-id: acme',
      ]),
    );
  });

  it('has what it writes handled: key, id, headers in any case, and a message without any', async () => {
    const headers = ['Tenant-Id:acme', 'Nats-Msg-Id:m-1', 'message-key:o-1'].flatMap((header) => ['-H', header]);
    await run('pub', '--jetstream', topic, '{"orderId":"o-1"}', ...headers);
    await run('pub', topic, '{"orderId":"o-2"}');
    const [first, second] = await application.received(2);
    expect(first?.payload).toEqual({ orderId: 'o-1' });
    expect(first?.context).toMatchObject({ key: 'o-1', id: 'm-1', headers: { 'tenant-id': 'acme' } });
    expect(second?.payload).toEqual({ orderId: 'o-2' });
    expect([second?.context.key, second?.context.id]).toEqual([undefined, expect.stringMatching(/.\/2$/)]);
  });

  it('sees our group as a durable consumer that has settled everything', async () => {
    await application.publish({ orderId: 'o-1' });
    await application.received(1);
    await application.close();
    const stream = await streamOf(topic);
    const [consumer = ''] = JSON.parse(await run('consumer', 'ls', '--json', stream)) as string[];
    const info = JSON.parse(await run('consumer', 'info', stream, consumer, '--json')) as Record<string, unknown>;
    expect(info).toMatchObject({ num_ack_pending: 0, num_pending: 0, config: { durable_name: consumer } });
  });
});
