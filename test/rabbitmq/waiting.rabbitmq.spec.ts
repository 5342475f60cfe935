import { setTimeout as pause } from 'node:timers/promises';
import { connect } from 'amqplib';
import type { BrokerConnection, Consumption, Delivery, DeliverySink } from 'nest-transport';
import type { RabbitmqOptions } from 'nest-transport/rabbitmq';
import { AckingSink, closeAll, connected, message, subscription, uniqueName } from './support.js';

const url = process.env['RABBITMQ_URL'] ?? '';
const GROUP = 'stock';
const PREFETCH = 10;
const MESSAGES = 25;
const topics: string[] = [];

afterEach(async () => {
  await closeAll();
  const side = await connect(url);
  const channel = await side.createChannel();
  for (const topic of topics.splice(0)) await channel.deleteQueue(`${GROUP}:${topic}`);
  await side.close();
});

/** Settles nothing. */
class HoldingSink implements DeliverySink {
  readonly held: Delivery[] = [];

  revoked(): void {}

  receive(deliveries: readonly Delivery[]): void | Promise<void> {
    this.held.push(...deliveries);
  }
}

/** Takes one handover, and asks to wait. */
class FullSink extends HoldingSink {
  override receive(deliveries: readonly Delivery[]): Promise<void> {
    void super.receive(deliveries);
    return new Promise(() => undefined);
  }
}

async function member(sink: DeliverySink, topic = uniqueName('orders'), options: Partial<RabbitmqOptions> = {}) {
  topics.push(topic);
  const connection = await connected({ url, ...options });
  await connection.ensureTopics([topic], 'subscribe');
  const wanted = { ...subscription(topic, GROUP), maxInFlight: PREFETCH };
  const consumption = await connection.consume([{ subscription: wanted, sink }]);
  return { topic, connection, consumption };
}

const publish = ({ producer }: BrokerConnection, topic: string, count = MESSAGES) =>
  producer.send(Array.from({ length: count }, () => message(topic)));

const waiting = async (consumption: Consumption): Promise<number | undefined> => (await consumption.waiting?.())?.[0];

async function untilWaiting(consumption: Consumption, count: number | undefined): Promise<void> {
  while ((await waiting(consumption)) !== count) await pause(50);
}

describe('what waits on RabbitMQ for a subscription', () => {
  test('is the true count where its consumption hands over nothing any more, and 0 before', async () => {
    const { topic, connection, consumption } = await member(new AckingSink());
    expect(await waiting(consumption)).toBe(0);
    await consumption.stop();
    await publish(connection, topic);
    await untilWaiting(consumption, MESSAGES);
  });

  test('is 0 when everything was delivered', async () => {
    const sink = new AckingSink();
    const { topic, connection, consumption } = await member(sink);
    await publish(connection, topic);
    await untilWaiting(consumption, 0);
    while (sink.ids.length < MESSAGES) await pause(50);
    expect(sink.ids).toHaveLength(MESSAGES);
  });

  test('is not known while as many are unsettled as it may have, or its sink asks to wait', async () => {
    const [holding, full] = [new HoldingSink(), new FullSink()];
    for (const sink of [holding, full]) {
      const { topic, connection, consumption } = await member(sink);
      await publish(connection, topic);
      while (sink.held.length === 0) await pause(50);
      await untilWaiting(consumption, undefined);
    }
    for (const delivery of holding.held.splice(0)) delivery.settle({ kind: 'ack' });
  });

  test('is not known by the member that is not the active one, and known by the one that is', async () => {
    const options = { singleActiveConsumer: true };
    const sink = new AckingSink();
    const active = await member(sink, uniqueName('orders'), options);
    const { topic } = active;
    const passive = await member(new AckingSink(), topic, options);
    const first = message(topic);
    await active.connection.producer.send([first]);
    await sink.got(first.id);
    await active.consumption.stop();
    await publish(active.connection, topic);
    await untilWaiting(active.consumption, MESSAGES);
    expect(await waiting(passive.consumption)).toBeUndefined();
  });

  test('is not known of a queue that is gone, which disturbs nobody else', async () => {
    const sink = new AckingSink();
    const { topic, connection, consumption } = await member(sink, uniqueName('orders'), { provision: true });
    const side = await connect(url);
    await (await side.createChannel()).deleteQueue(`${GROUP}:${topic}`);
    await waiting(consumption);
    await side.close();
    await untilWaiting(consumption, 0);
    const one = message(topic);
    while ((await connection.producer.send([one]))[0] instanceof Error) await pause(50);
    await sink.got(one.id);
  });
});
