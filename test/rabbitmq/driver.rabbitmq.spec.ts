import { setTimeout as pause } from 'node:timers/promises';
import { Controller } from '@nestjs/common';
import { Ctx, Payload } from '@nestjs/microservices';
import { connect } from 'amqplib';
import { type MessageContext, Notices, Subscribe, TransportError } from 'nest-transport';
import { rabbitmq } from 'nest-transport/rabbitmq';
import { startRabbitmq, type PrivateRabbitmq } from '../../tools/brokers/rabbitmq.mjs';
import { boot, closeAll as closeApplications, next } from '../nest/boot.js';
import { AckingSink, closeAll, connected, message, open, refusal, subscription, uniqueName } from './support.js';

let server: PrivateRabbitmq;
beforeAll(async () => void (server = await startRabbitmq({ security: true })), 60_000);
afterAll(() => server.stop());
afterEach(async () => {
  await closeApplications();
  await closeAll();
});

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
  for (;;) {
    const all = (await (await manage('GET', '/connections')).json()) as readonly ListedConnection[];
    const ours = all.filter(({ client_properties: properties }) => properties?.connection_name?.includes(named));
    for (const { name } of ours) {
      const { status } = await manage('DELETE', `/connections/${encodeURIComponent(name)}`);
      expect(status).toBe(204);
    }
    if (ours.length > 0) return ours.length;
    await pause(100);
  }
}

function manage(method: string, path: string, body?: object): Promise<Response> {
  const authorization = `Basic ${Buffer.from('guest:guest').toString('base64')}`;
  const headers = { authorization, 'content-type': 'application/json' };
  return fetch(`${server.managementUrl}/api${path}`, {
    method,
    headers,
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
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

describe('a user who may declare nothing', () => {
  const worker = { username: 'worker', password: 'worker-secret' };
  /** n.b. to look whether something is there needs one right on it, no matter which. */
  const rights = { configure: '^$', write: '.*', read: '.*' };
  beforeAll(async () => {
    await manage('PUT', '/users/worker', { password: worker.password, tags: '' });
    await manage('PUT', '/permissions/%2F/worker', rights);
  });

  const queuesOf = async (topic: string): Promise<string[]> => {
    const listed = (await (await manage('GET', '/queues/%2F')).json()) as readonly { readonly name: string }[];
    return listed.map(({ name }) => name).filter((name) => name.includes(topic));
  };

  async function orders(provision: boolean) {
    const topic = uniqueName('shop');
    const tried: [n: number, attempt: number][] = [];
    @Controller()
    class Orders {
      @Subscribe(topic, { ordering: 'none', retry: { maxAttempts: 3, initialDelayMs: 150, maxDelayMs: 150 } })
      take(@Payload() { n }: { readonly n: number }, @Ctx() context: MessageContext): void {
        tried.push([n, context.attempt]);
        if (n === 1 || context.attempt < 3) throw new Error('not now');
      }
    }
    const broker = rabbitmq({ url: server.url, ...worker, exchange: 'amq.topic', provision });
    return { topic, tried, boot: () => boot({ controllers: [Orders] }, { transport: { broker } }) };
  }

  async function declared(topic: string, ...queues: string[]): Promise<void> {
    const side = await connect(server.url);
    const channel = await side.createChannel();
    for (const queue of queues) await channel.assertQueue(queue, { durable: true });
    await channel.bindQueue(queues[0] ?? '', 'amq.topic', topic);
    await side.close();
  }

  test('works with what is there (provision: false): retries with their pauses, dead letters, and no queue more', async () => {
    const { topic, tried, boot: begin } = await orders(false);
    const held = `held:${topic}.test.dead-letter`;
    await declared(topic, `test:${topic}`, held);
    const { publisher, notices } = await begin();
    const told: string[] = [];
    notices.on('publish:failed', ({ error }) => told.push(error.message));
    const [first, second] = [next(notices, 'message:acked'), next(notices, 'message:dead-lettered')];
    await Promise.all([0, 1].map((n) => publisher.publish(topic, { n })));
    expect([(await first).attempt, (await second).attempt]).toEqual([3, 3]);
    expect(told).toEqual([]);
    expect(tried.toSorted()).toEqual([0, 1].flatMap((n) => [1, 2, 3].map((attempt) => [n, attempt])));
    await closeApplications();
    expect((await queuesOf(topic)).toSorted()).toEqual([held, `test:${topic}`].toSorted());
  });

  test('is refused at the start where the driver is to declare', async () => {
    const { topic, boot: begin } = await orders(true);
    expect(await refusal(begin())).toMatchObject({ code: 'TRANSPORT_AUTHORIZATION_FAILED' });
    expect(await queuesOf(topic)).toEqual([]);
  });
});
