import { setTimeout as pause } from 'node:timers/promises';
import { connect } from 'amqplib';
import { Notices, TransportError } from 'nest-transport';
import { startRabbitmq, type PrivateRabbitmq } from '../brokers/rabbitmq.mjs';
import { AckingSink, closeAll, connected, message, open, refusal, subscription, uniqueName } from './support.js';

let server: PrivateRabbitmq;
beforeAll(async () => void (server = await startRabbitmq({ security: true })), 60_000);
afterAll(() => server.stop());
afterEach(closeAll);

/** Sends one message until it is stored: a queue that was deleted is bound anew a little later. */
async function sendUntilStored(connection: Awaited<ReturnType<typeof connected>>, topic: string): Promise<string> {
  for (;;) {
    const one = message(topic);
    const [result] = await connection.producer.send([one]);
    if (!(result instanceof TransportError)) return one.id;
  }
}

describe('a publish', () => {
  test('that no queue is bound for is refused, though the server confirms it, and its neighbours are stored', async () => {
    const [bound, unbound] = [uniqueName('bound'), uniqueName('unbound')];
    const connection = await connected({ url: server.url });
    const sink = new AckingSink();
    await connection.ensureTopics([bound], 'subscribe');
    await connection.consume([{ subscription: subscription(bound, 'g'), sink }]);
    const [first, second] = [message(bound), message(bound)];
    const results = await connection.producer.send([first, message(unbound), second]);
    expect(results[1]).toMatchObject({ code: 'TRANSPORT_TOPIC_MISSING', stored: 'no' });
    expect((results[1] as Error).message).toContain('no queue is bound for it');
    expect([results[0], results[2]]).toEqual([
      expect.objectContaining({ id: first.id }),
      expect.objectContaining({ id: second.id }),
    ]);
    await Promise.all([sink.got(first.id), sink.got(second.id)]);
  });

  test('that no queue is bound for is let go where that was asked for by name', async () => {
    const connection = await connected({ url: server.url, unroutable: 'discard' });
    const [result] = await connection.producer.send([message(uniqueName('nobody'))]);
    expect(result).not.toBeInstanceOf(Error);
  });

  test('is a persistent message with an id, as any AMQP program sees it', async () => {
    const topic = uniqueName('seen');
    const side = await connect(server.url);
    const channel = await side.createChannel();
    await channel.assertExchange('nest-transport', 'topic', { durable: true });
    const { queue } = await channel.assertQueue('', { exclusive: true });
    await channel.bindQueue(queue, 'nest-transport', topic);
    const connection = await connected({ url: server.url });
    const one = message(topic);
    await connection.producer.send([one]);
    const got = await channel.get(queue, { noAck: true });
    expect(got).toMatchObject({ properties: { deliveryMode: 2, messageId: one.id } });
    await side.close();
  });
});

describe('a subscription', () => {
  test('goes on when somebody deletes its queue', async () => {
    const topic = uniqueName('deleted');
    const notices = new Notices();
    const recovered = new Promise((resolve) => notices.on('subscription:recovered', resolve));
    const connection = await connected({ url: server.url }, notices);
    const sink = new AckingSink();
    await connection.ensureTopics([topic], 'subscribe');
    await connection.consume([{ subscription: subscription(topic, 'g'), sink }]);
    await sink.got(await sendUntilStored(connection, topic));

    const side = await connect(server.url);
    await (await side.createChannel()).deleteQueue(`g:${topic}`);
    await side.close();
    await recovered;
    await sink.got(await sendUntilStored(connection, topic));
  });

  test('goes on when an operator closes all connections', async () => {
    const topic = uniqueName('closed');
    const connection = await connected({ url: server.url, connectionName: topic });
    const sink = new AckingSink();
    await connection.ensureTopics([topic], 'subscribe');
    await connection.consume([{ subscription: subscription(topic, 'g'), sink }]);
    await sink.got(await sendUntilStored(connection, topic));

    expect(await closeConnections(topic)).toBeGreaterThan(0);
    await sink.got(await sendUntilStored(connection, topic));
  });
});

/** Closes those whose name says so, as an operator does. n.b. the management plugin learns of them a little late. */
async function closeConnections(named: string): Promise<number> {
  const headers = { authorization: `Basic ${Buffer.from('guest:guest').toString('base64')}` };
  const api = `${server.managementUrl}/api/connections`;
  for (;;) {
    const all = (await (await fetch(api, { headers })).json()) as readonly ListedConnection[];
    const ours = all.filter(({ client_properties: properties }) => properties?.connection_name?.includes(named));
    for (const { name } of ours) {
      const { status } = await fetch(`${api}/${encodeURIComponent(name)}`, { method: 'DELETE', headers });
      expect(status).toBe(204);
    }
    if (ours.length > 0) return ours.length;
    await pause(100);
  }
}

interface ListedConnection {
  readonly name: string;
  readonly client_properties?: { readonly connection_name?: string };
}

describe('a secured RabbitMQ', () => {
  const secure = () => server.secure as NonNullable<PrivateRabbitmq['secure']>;
  const ca = () => secure().certificates.ca.cert;

  test.each([
    ['TLS', () => ({ url: secure().tls, tls: { ca: ca() } })],
    [
      "a client's certificate (EXTERNAL)",
      () => ({
        url: secure().external,
        mechanism: 'external' as const,
        tls: { ca: ca(), cert: secure().certificates.client.cert, key: secure().certificates.client.key },
      }),
    ],
    ['user and password', () => ({ url: secure().as('alice') })],
  ])('is reached with %s', async (_, options) => {
    await expect(open(options()).connectOnce()).resolves.toBeUndefined();
  });

  test.each([
    [
      'another CA',
      () => ({ url: secure().tls, tls: { ca: secure().certificates.wrongCa.cert } }),
      'TRANSPORT_TLS_FAILED',
    ],
    ['no CA', () => ({ url: secure().tls }), 'TRANSPORT_TLS_FAILED'],
    ['another host name', () => ({ url: secure().wrongHost, tls: { ca: ca() } }), 'TRANSPORT_TLS_FAILED'],
    [
      'a wrong password',
      () => ({ url: server.url, username: 'guest', password: 'hunter2-secret' }),
      'TRANSPORT_AUTHENTICATION_FAILED',
    ],
  ])('refuses %s at once, by a code, and tells no secret', async (_, options, code) => {
    const error = await refusal(open(options()).connect(new AbortController().signal));
    expect(error).toMatchObject({ code });
    expect(error.message).not.toMatch(/hunter2|guest:guest/);
  });

  test('refuses a virtual host that is not there with a sentence of its own', async () => {
    const error = await refusal(open({ url: server.url, vhost: 'elsewhere' }).connectOnce());
    expect(error.message).toContain('elsewhere');
    expect(error.message).not.toContain('ConnectionOpenOk');
  });
});
