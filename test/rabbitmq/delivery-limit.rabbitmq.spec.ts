import { setTimeout as pause } from 'node:timers/promises';
import { connect, type Channel } from 'amqplib';
import { Notices, type Delivery, type NoticeMap } from 'nest-transport';
import type { RabbitmqOptions } from 'nest-transport/rabbitmq';
import { startRabbitmq, type PrivateRabbitmq } from '../../tools/brokers/rabbitmq.mjs';
import { AckingSink, closeAll, connected, message, subscription, uniqueName } from './support.js';

/** Deliveries that do not end; one more, and the server drops the message. */
const LIMIT = 2;
const MESSAGES = 20;
const RESTARTS = 4;

let server: PrivateRabbitmq;
beforeAll(async () => {
  server = await startRabbitmq();
  const policy = JSON.stringify({ 'delivery-limit': LIMIT });
  await server.control('set_operator_policy', '-p', '/', 'limits', '^limited', policy, '--apply-to', 'queues');
}, 60_000);
afterAll(() => server.stop());
afterEach(closeAll);

/** Settles nothing. */
class HoldingSink extends AckingSink {
  readonly held: Delivery[] = [];

  override receive(deliveries: readonly Delivery[]): void {
    this.held.push(...deliveries);
  }
}

const warnings: NoticeMap['subscription:warned'][] = [];
beforeEach(() => void warnings.splice(0));

async function member(group: string, topic: string, sink: AckingSink, more: Partial<RabbitmqOptions> = {}) {
  const notices = new Notices();
  notices.on('subscription:warned', (notice) => warnings.push(notice));
  const connection = await connected({ url: server.url, ...more }, notices);
  await connection.ensureTopics([topic], 'subscribe');
  await connection.consume([{ subscription: { ...subscription(topic, group), maxInFlight: 64 }, sink }]);
  return connection;
}

async function until(isTrue: () => boolean | Promise<boolean>): Promise<void> {
  while (!(await isTrue())) await pause(20);
}

/** What another program does on the same server. */
async function beside<Result>(work: (channel: Channel) => Promise<Result>): Promise<Result> {
  const connection = await connect(server.url);
  try {
    return await work(await connection.createChannel());
  } finally {
    await connection.close();
  }
}

test('a message that only orderly restarts gave back, unhandled, keeps its attempt', async () => {
  const [group, topic] = [uniqueName('restarted'), uniqueName('orders')];
  const founder = await member(group, topic, new HoldingSink());
  await founder.producer.send([message(topic), message(topic)]);
  await founder.close();
  const attempts: number[][] = [];
  for (let restart = 0; restart < RESTARTS; restart++) {
    const sink = new HoldingSink();
    const connection = await member(group, topic, sink);
    await until(() => sink.held.length >= 2);
    attempts.push(sink.held.map(({ attempt, suspicion }) => attempt + suspicion));
    await connection.close();
  }
  expect(attempts).toEqual(Array.from({ length: RESTARTS }, () => [1, 1]));
}, 60_000);

describe('a delivery-limit that a policy sets', () => {
  test('loses no message: restarts use it up, what the server drops is put back, and a notice says so', async () => {
    const [group, topic] = [uniqueName('limited'), uniqueName('orders')];
    const sent = Array.from({ length: MESSAGES }, () => message(topic));
    const first = await member(group, topic, new HoldingSink());
    await first.producer.send(sent);
    await first.close();
    for (let restart = 0; restart <= LIMIT; restart++) {
      const sink = new HoldingSink();
      const connection = await member(group, topic, sink);
      await until(() => sink.held.length >= MESSAGES);
      await connection.close();
    }
    const sink = new AckingSink();
    await member(group, topic, sink);
    await Promise.all(sent.map(({ id }) => sink.got(id)));
    expect(sink.ids).toHaveLength(MESSAGES);
    await until(() => warnings.length > 0);
    expect(warnings[0]).toMatchObject({ topic, group, warning: expect.stringContaining(`"${group}:${topic}"`) });
  }, 60_000);

  test('is known as an attempt by the message that is put back', async () => {
    const [group, topic] = [uniqueName('limited'), uniqueName('orders')];
    const one = message(topic);
    const attempts: number[] = [];
    for (let start = 0; start <= LIMIT + 1; start++) {
      const sink = new HoldingSink();
      const connection = await member(group, topic, sink);
      if (start === 0) await connection.producer.send([one]);
      await until(() => sink.held.length > 0);
      attempts.push(...sink.held.map(({ attempt }) => attempt));
      expect(sink.held[0]).toMatchObject({ id: one.id, topic });
      await connection.close();
    }
    expect(attempts).toEqual([1, 1, 1, 2]);
  }, 60_000);
});

describe('a queue for what the server drops', () => {
  test('brings back nothing whose time to live is over', async () => {
    const [group, topic] = [uniqueName('expiring'), uniqueName('orders')];
    const sink = new HoldingSink();
    const connection = await member(group, topic, sink, { queueArguments: { 'x-message-ttl': 200 } });
    const held = Array.from({ length: 64 }, () => message(topic));
    const [over, after] = [message(topic), message(topic)];
    await connection.producer.send(held);
    await until(() => sink.held.length === held.length);
    await connection.producer.send([over]);
    const waiting = (queue: string) => beside(async (channel) => (await channel.checkQueue(queue)).messageCount);
    await until(async () => (await waiting(`${group}:${topic}`)) === 0);
    await until(async () => (await waiting(`${group}:delivery-limit`)) === 0);
    for (const delivery of sink.held) delivery.settle({ kind: 'ack' });
    await connection.producer.send([after]);
    await until(() => sink.held.some(({ id }) => id === after.id));
    expect(sink.held.map(({ id }) => id)).toEqual([...held, after].map(({ id }) => id));
  }, 60_000);

  test('is missing from a queue that an earlier version declared: it is used as it is, and a warning says what to do', async () => {
    const [group, topic] = [uniqueName('older'), uniqueName('orders')];
    await beside((channel) =>
      channel.assertQueue(`${group}:${topic}`, {
        durable: true,
        arguments: { 'x-queue-type': 'quorum', 'x-delivery-limit': 1_000_000 },
      }),
    );
    const sink = new AckingSink();
    const connection = await member(group, topic, sink);
    const one = message(topic);
    await connection.producer.send([one]);
    await sink.got(one.id);
    expect(warnings).toEqual([expect.objectContaining({ warning: expect.stringContaining('an earlier version') })]);
    expect(connection.health().status).toBe('up');
  });

  test('does not make up for a queue of another type: the start is refused', async () => {
    const [group, topic] = [uniqueName('other'), uniqueName('orders')];
    await beside((channel) => channel.assertQueue(`${group}:${topic}`, { durable: true }));
    await expect(member(group, topic, new AckingSink())).rejects.toMatchObject({ code: 'TRANSPORT_OPTION_CONFLICT' });
  });
});
