import { setImmediate as turn } from 'node:timers/promises';
import { connect, type Channel } from 'amqplib';
import { Notices, systemClock, TransportError, type BrokerConnection, type Clock } from 'nest-transport';
import type { RabbitmqOptions } from 'nest-transport/rabbitmq';
import { next } from '../nest/boot.js';
import { AckingSink, closeAll, connected, message, subscription, uniqueName } from './support.js';

/*
 * What somebody deletes while services run: each connection here stands for a process of its own, that hears of nothing but
 * from the server.
 */
const url = process.env['RABBITMQ_URL'] ?? '';
const CHECK_MS = 250;
/** Where two looks have to fit in, also on a machine that has much to do. */
const PATIENT_CHECK_MS = 750;
afterEach(closeAll);

/** A time in which a subscription looks at nothing until it may, and then at once. */
function lookingWhenItMay(): { readonly clock: Clock; readonly mayLook: () => void } {
  const waiting: (() => void)[] = [];
  const schedule: Clock['schedule'] = (ms, action) => {
    if (ms !== PATIENT_CHECK_MS) return systemClock.schedule(ms, action);
    waiting.push(action);
    return () => undefined;
  };
  return { clock: { ...systemClock, schedule }, mayLook: () => waiting.splice(0).forEach((look) => look()) };
}

/** What an operator does. */
async function operate(work: (channel: Channel) => Promise<unknown>): Promise<void> {
  const side = await connect(url);
  await work(await side.createChannel());
  await side.close();
}

/** A topic on an exchange of its own, with a service that subscribes. */
async function scene(options: Partial<RabbitmqOptions> = {}) {
  const [topic, exchange] = [uniqueName('orders'), uniqueName('shop')];
  const all = { url, exchange, topologyCheckMs: CHECK_MS, ...options };
  const subscribe = async (group: string, clock?: Clock) => {
    const notices = new Notices();
    const connection = await connected(all, notices, clock);
    const sink = new AckingSink();
    await connection.ensureTopics([topic], 'subscribe');
    await connection.consume([{ subscription: subscription(topic, group), sink }]);
    return { connection, notices, sink };
  };
  const publisher = await connected(all);
  const cleanUp = async (...groups: string[]): Promise<void> => {
    await closeAll();
    await operate(async (channel) => {
      for (const group of groups) await channel.deleteQueue(`${group}:${topic}`);
      for (const name of [exchange, `${exchange}.dead-letter`]) await channel.deleteExchange(name);
    });
  };
  return { topic, exchange, subscribe, publisher, cleanUp };
}

async function untilStored({ producer }: BrokerConnection, topic: string): Promise<string> {
  for (;;) {
    const one = message(topic);
    const [result] = await producer.send([one]);
    if (!(result instanceof TransportError)) return one.id;
  }
}

describe('an exchange that somebody deletes', () => {
  test.each(['fail', 'discard'] as const)(
    'is made again with its bindings before the next message is stored (unroutable: %s): no group misses it',
    async (unroutable) => {
      const options = { unroutable, topologyCheckMs: PATIENT_CHECK_MS };
      const { topic, exchange, subscribe, publisher, cleanUp } = await scene(options);
      const { clock, mayLook } = lookingWhenItMay();
      const [stock, mail] = [await subscribe('stock', clock), await subscribe('mail', clock)];
      const before = await untilStored(publisher, topic);
      await Promise.all([stock.sink.got(before), mail.sink.got(before)]);

      await operate((channel) => channel.deleteExchange(exchange));
      const sent = [message(topic), message(topic)];
      const results = publisher.producer.send(sent);
      while (publisher.health().status === 'up') await turn();
      expect(publisher.health().problems).toEqual([expect.stringContaining(`Exchange "${exchange}" was deleted`)]);
      mayLook();
      expect(await results).toMatchObject(sent.map(({ id }) => ({ id })));
      await Promise.all(sent.flatMap(({ id }) => [stock.sink.got(id), mail.sink.got(id)]));
      await cleanUp('stock', 'mail');
    },
  );

  test('is noticed by a subscription where nobody publishes, and told: crashed, then recovered', async () => {
    const { topic, exchange, subscribe, publisher, cleanUp } = await scene();
    const { connection, notices, sink } = await subscribe('stock');
    const [crashed, recovered] = [next(notices, 'subscription:crashed'), next(notices, 'subscription:recovered')];
    await operate((channel) => channel.deleteExchange(exchange));
    expect((await crashed).error).toMatchObject({ code: 'TRANSPORT_TOPIC_MISSING', topic });
    expect((await crashed).error.message).toContain(`no exchange '${exchange}'`);
    await recovered;
    expect(connection.health().status).toBe('up');
    await sink.got(await untilStored(publisher, topic));
    await cleanUp('stock');
  });

  test('is told to the subscriptions of the process that publishes, without waiting for their look', async () => {
    const { topic, exchange, subscribe, cleanUp } = await scene({ topologyCheckMs: 60_000 });
    const { connection, notices } = await subscribe('stock');
    await untilStored(connection, topic);
    const [crashed, recovered] = [next(notices, 'subscription:crashed'), next(notices, 'subscription:recovered')];
    await operate((channel) => channel.deleteExchange(exchange));
    const results = connection.producer.send([message(topic)]);
    await Promise.all([crashed, recovered]);
    expect(connection.health()).toMatchObject({ status: 'degraded', problems: [expect.stringContaining(exchange)] });
    await closeAll();
    expect(await results).toMatchObject([{ code: 'TRANSPORT_CLOSED', stored: 'unknown' }]);
    await cleanUp('stock');
  });

  test('together with the queue is no end either: both are made again', async () => {
    const { topic, exchange, subscribe, publisher, cleanUp } = await scene();
    const { notices, sink } = await subscribe('stock');
    const recovered = next(notices, 'subscription:recovered');
    await operate(async (channel) => {
      await channel.deleteExchange(exchange);
      await channel.deleteQueue(`stock:${topic}`);
    });
    await recovered;
    await sink.got(await untilStored(publisher, topic));
    await cleanUp('stock');
  });
});

test('a binding that somebody deletes is made again, and until then a publish that reaches nobody is refused', async () => {
  const { topic, exchange, subscribe, publisher, cleanUp } = await scene({ topologyCheckMs: PATIENT_CHECK_MS });
  const { clock, mayLook } = lookingWhenItMay();
  const { sink } = await subscribe('stock', clock);
  await untilStored(publisher, topic);
  await operate((channel) => channel.unbindQueue(`stock:${topic}`, exchange, topic));
  const [refused] = await publisher.producer.send([message(topic)]);
  expect(refused).toMatchObject({ code: 'TRANSPORT_TOPIC_MISSING', stored: 'no' });
  mayLook();
  await sink.got(await untilStored(publisher, topic));
  await cleanUp('stock');
});

test('an exchange of somebody else (provision: false) is told of while it is gone, and not made', async () => {
  const { topic, exchange, subscribe, cleanUp } = await scene({ provision: false, exchangeType: 'direct' });
  const declare = (channel: Channel) => channel.assertExchange(exchange, 'direct', { durable: true });
  await operate(async (channel) => {
    await declare(channel);
    await channel.assertQueue(`stock:${topic}`, { durable: true });
  });
  const { connection, notices } = await subscribe('stock');
  const [crashed, recovered] = [next(notices, 'subscription:crashed'), next(notices, 'subscription:recovered')];
  await operate((channel) => channel.deleteExchange(exchange));
  expect((await crashed).error).toMatchObject({ code: 'TRANSPORT_TOPIC_MISSING', topic });
  expect(connection.health()).toMatchObject({ status: 'degraded', problems: [expect.stringContaining(exchange)] });
  await operate(declare);
  await recovered;
  expect(connection.health().status).toBe('up');
  await cleanUp('stock');
});
