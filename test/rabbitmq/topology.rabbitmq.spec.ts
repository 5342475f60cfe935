import { connect, type Channel } from 'amqplib';
import type { BrokerConnection } from 'nest-transport';
import type { RabbitmqOptions } from 'nest-transport/rabbitmq';
import { AckingSink, closeAll, connected, message, refusal, subscription, uniqueName } from './support.js';

const url = process.env['RABBITMQ_URL'] ?? '';
afterEach(closeAll);

async function subscribed(connection: BrokerConnection, topic: string, group: string): Promise<AckingSink> {
  const sink = new AckingSink();
  await connection.ensureTopics([topic], 'subscribe');
  await connection.consume([{ subscription: subscription(topic, group), sink }]);
  return sink;
}

/** What another program does on the same server. */
async function beside<Result>(work: (channel: Channel) => Promise<Result>): Promise<Result> {
  const connection = await connect(url);
  try {
    const channel = await connection.createChannel();
    channel.on('error', () => undefined);
    return await work(channel);
  } finally {
    await connection.close();
  }
}

const isThere = (check: (channel: Channel) => Promise<unknown>): Promise<boolean> =>
  beside(check).then(
    () => true,
    () => false,
  );

async function removeQueues(...queues: string[]): Promise<void> {
  await beside(async (channel) => {
    for (const queue of queues) await channel.deleteQueue(queue);
  });
}

describe.each([
  ['fanout', (topic: string) => topic],
  ['direct', () => uniqueName('shop')],
] as const)('a %s exchange', (exchangeType, exchangeOf) => {
  test('gives each group every message of its topic, and none of another', async () => {
    const [topic, other] = [uniqueName('orders'), uniqueName('others')];
    const exchange = exchangeOf(topic);
    const options: RabbitmqOptions = { url, exchangeType, ...(exchangeType === 'direct' ? { exchange } : {}) };
    const connection = await connected(options);
    const [stock, mail] = [await subscribed(connection, topic, 'stock'), await subscribed(connection, topic, 'mail')];
    const foreign = await subscribed(connection, other, 'stock');
    const sent = [message(topic), message(topic)];
    const [elsewhere] = [message(other)];
    await connection.producer.send([...sent, elsewhere]);

    const ids = sent.map(({ id }) => id);
    await Promise.all([...ids.flatMap((id) => [stock.got(id), mail.got(id)]), foreign.got(elsewhere.id)]);
    expect([stock.ids, mail.ids, foreign.ids]).toEqual([ids, ids, [elsewhere.id]]);
    // Another declaration with another type would be refused.
    await beside((channel) => channel.assertExchange(exchange, exchangeType, { durable: true }));
    await closeAll();
    await removeQueues(`stock:${topic}`, `mail:${topic}`, `stock:${other}`);
    await beside((channel) => channel.deleteExchange(exchange));
  });
});

describe('topology of somebody else (provision: false)', () => {
  const bindOnly = (exchange: string, queue: string) =>
    connected({ url, exchange, exchangeType: 'direct', provision: false, queueName: () => queue });

  test('is used as it is: bindings under another routing key stay the only ones', async () => {
    const [exchange, queue, topic] = [uniqueName('theirs'), uniqueName('queue'), uniqueName('orders')];
    await beside(async (channel) => {
      await channel.assertExchange(exchange, 'direct', { durable: true });
      await channel.assertQueue(queue, { durable: true, arguments: { 'x-max-length': 1_000 } });
      await channel.bindQueue(queue, exchange, `${topic}.bound`);
    });
    const connection = await bindOnly(exchange, queue);
    const sink = await subscribed(connection, topic, 'stock');
    const [unbound, bound] = [message(topic), message(`${topic}.bound`)];
    const [refused, stored] = await connection.producer.send([unbound, bound]);
    expect(refused).toMatchObject({ code: 'TRANSPORT_TOPIC_MISSING', stored: 'no' });
    expect(stored).toMatchObject({ id: bound.id });
    await sink.got(bound.id);
    expect(sink.ids).toEqual([bound.id]);
    await closeAll();
    await removeQueues(queue);
    await beside((channel) => channel.deleteExchange(exchange));
  });

  test('refuses a queue that is missing, by its name and with what to do, and makes none', async () => {
    const [queue, topic] = [uniqueName('queue'), uniqueName('orders')];
    const connection = await bindOnly('amq.direct', queue);
    const error = await refusal(subscribed(connection, topic, 'stock'));
    expect(error).toMatchObject({ code: 'TRANSPORT_TOPIC_MISSING', topic });
    expect(error.message).toContain(`queue "${queue}"`);
    expect(error.message).toContain('provision: true');
    expect(await isThere((channel) => channel.checkQueue(queue))).toBe(false);
  });

  test('refuses an exchange that is missing, at the start and at a publish, and makes none', async () => {
    const [exchange, topic] = [uniqueName('nowhere'), uniqueName('orders')];
    const connection = await bindOnly(exchange, 'any');
    for (const error of [
      await refusal(connection.ensureTopics([topic], 'subscribe')),
      (await connection.producer.send([message(topic)]))[0],
    ]) {
      expect(error).toMatchObject({ code: 'TRANSPORT_TOPIC_MISSING', topic });
      expect((error as Error).message).toContain(exchange);
    }
    expect(await isThere((channel) => channel.checkExchange(exchange))).toBe(false);
  });
});
