import { setTimeout as pause } from 'node:timers/promises';
import { connect } from 'amqplib';
import { isTransportError, type BrokerConnection, type Delivery, type OutgoingMessage } from 'nest-transport';
import type { RabbitmqOptions } from 'nest-transport/rabbitmq';
import { startRabbitmq, type PrivateRabbitmq } from '../../tools/brokers/rabbitmq.mjs';
import { AckingSink, closeAll, connected, message, refusal, subscription, uniqueName } from './support.js';

/** n.b. RabbitMQ 3.10 loses a queue that is less than a second or two old when it is killed (tools/brokers/rabbitmq.mjs). */
const QUEUES_ARE_WRITTEN_MS = 2_500;
/** The server holds up what is behind so many that it finds no queue for. */
const SERVERS_WINDOW = 32;
/** n.b. not less: what is due before it is written is published like any other, and refused where nobody wants it. */
const SOON_MS = 1_000;

let server: PrivateRabbitmq;
beforeAll(async () => void (server = await startRabbitmq()), 60_000);
afterAll(() => server.stop());
afterEach(closeAll);

const later = (topic: string, waitMs: number): OutgoingMessage & { readonly deliverAtMs: number } => ({
  ...message(topic),
  headers: { tenant: 'acme' },
  deliverAtMs: Date.now() + waitMs,
});

class TimingSink extends AckingSink {
  /** By id: when each came. */
  readonly cameAt = new Map<string, number>();
  readonly deliveries: Delivery[] = [];

  override receive(deliveries: readonly Delivery[]): void {
    for (const { id } of deliveries) if (!this.cameAt.has(id)) this.cameAt.set(id, Date.now());
    this.deliveries.push(...deliveries);
    super.receive(deliveries);
  }

  earlyBy({ id, deliverAtMs }: { readonly id: string; readonly deliverAtMs: number }): number {
    return deliverAtMs - (this.cameAt.get(id) ?? Number.NaN);
  }
}

async function subscribed(connection: BrokerConnection, topic: string): Promise<TimingSink> {
  const sink = new TimingSink();
  await connection.ensureTopics([topic], 'subscribe');
  await connection.consume([{ subscription: subscription(topic, 'g'), sink }]);
  return sink;
}

const open = (options: Omit<RabbitmqOptions, 'url'> = {}) => connected({ url: server.url, ...options });

async function deleteQueue(name: string): Promise<void> {
  const connection = await connect(server.url);
  const channel = await connection.createChannel();
  await channel.deleteQueue(name);
  await connection.close();
}

describe('a message for later', () => {
  test('outlives a server that is killed, on whatever rung it is, and does not come before its time; what nobody wanted comes to whoever subscribes', async () => {
    const [topic, unwanted] = [uniqueName('later'), uniqueName('unwanted')];
    const connection = await open();
    const sink = await subscribed(connection, topic);
    const abandoned = Array.from({ length: SERVERS_WINDOW + 8 }, () => later(unwanted, SOON_MS));
    const deadMs = SOON_MS + QUEUES_ARE_WRITTEN_MS;
    const [short, long] = [later(topic, deadMs + 1_000), later(topic, deadMs + 5_000)];
    // Some on each rung of the ladder, and between two, when it happens.
    const many = Array.from({ length: 100 }, (_, index) => later(topic, deadMs - 500 + index * 30));
    const results = await connection.producer.send([...abandoned, ...many, short, long]);
    expect(results.filter((result) => isTransportError(result))).toEqual([]);
    const isOver = later(topic, SOON_MS);
    await connection.producer.send([isOver]);
    await sink.got(isOver.id);
    const heir = await subscribed(connection, unwanted);
    await pause(QUEUES_ARE_WRITTEN_MS);
    await server.restart();
    const awaited = [...many, short, long];
    await Promise.all([...awaited.map(({ id }) => sink.got(id)), ...abandoned.map(({ id }) => heir.got(id))]);

    for (const each of awaited) expect(sink.earlyBy(each)).toBeLessThanOrEqual(0);
    expect(sink.ids.filter((id) => id === long.id)).toHaveLength(1);
  });

  test('holds up nobody: neither the long wait the short one, nor the topic that nobody wants the others', async () => {
    const topic = uniqueName('later');
    const connection = await open();
    const sink = await subscribed(connection, topic);
    const unwanted = Array.from({ length: 2 * SERVERS_WINDOW }, () => later(`${topic}.unwanted`, SOON_MS));
    const [long, short] = [later(topic, 4 * SOON_MS), later(topic, 1.5 * SOON_MS)];
    const results = await connection.producer.send([...unwanted, long, short]);
    expect(results.filter((result) => isTransportError(result))).toEqual([]);
    await Promise.all([sink.got(long.id), sink.got(short.id)]);
    expect(sink.ids).toEqual([short.id, long.id]);
    expect(sink.earlyBy(short)).toBeLessThanOrEqual(0);
    expect(sink.earlyBy(long)).toBeLessThanOrEqual(0);
  });

  test.each<[string, Omit<RabbitmqOptions, 'url'>]>([
    ['a topic exchange, to a pattern', {}],
    ['a direct exchange, and classic queues', { exchangeType: 'direct', exchange: 'shop', queueType: 'classic' }],
    ['a fanout exchange', { exchangeType: 'fanout' }],
  ])('comes over %s, with its headers and no others', async (what, options) => {
    const topic = `${uniqueName('later')}.made`;
    const connection = await open(options);
    const sink = await subscribed(connection, what.endsWith('pattern') ? topic.replace('made', '*') : topic);
    const one = later(topic, 200);
    await connection.producer.send([one]);
    await sink.got(one.id);
    const [delivery] = sink.deliveries;
    expect(delivery).toMatchObject({ topic, attempt: 1 });
    expect({ ...delivery?.headers }).toEqual({ tenant: 'acme', 'message-id': one.id });
  });

  test('finds its way where somebody has deleted a queue of it', async () => {
    const topic = uniqueName('later');
    const connection = await open();
    const sink = await subscribed(connection, topic);
    await connection.producer.send([later(topic, 100)]);
    await deleteQueue('delayed:100');
    const one = later(topic, 90);
    expect(await connection.producer.send([one])).toMatchObject([{ id: one.id }]);
    await sink.got(one.id);
    expect(sink.earlyBy(one)).toBeLessThanOrEqual(0);
  });

  test('is refused at once where it could not wait: too long, or under a name that is too long', async () => {
    const { producer } = await open();
    const years = refusal(Promise.resolve().then(() => producer.check(later('t', 700 * 86_400_000))));
    expect(await years).toMatchObject({ code: 'TRANSPORT_OPTION_INVALID', stored: 'no' });
    expect((await years).message).toContain('by 700 days: the driver supports at most 621 days');
    const name = refusal(Promise.resolve().then(() => producer.check(later('t'.repeat(240), 1_000))));
    expect(await name).toMatchObject({ code: 'TRANSPORT_TOPIC_INVALID', stored: 'no' });
    expect(() => producer.check({ ...message('t'.repeat(240)), deliverAtMs: 0 })).not.toThrow();
  });
});
