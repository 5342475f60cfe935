import { Controller } from '@nestjs/common';
import { describeTransport, Subscribe } from 'nest-transport';
import { rabbitmq, type RabbitmqOptions } from 'nest-transport/rabbitmq';
import { closeAll as closeApplications, create, rootModule, start } from '../nest/boot.js';
import { connect } from 'amqplib';
import { closeAll, connected, uniqueName } from './support.js';

const url = process.env['RABBITMQ_URL'] ?? '';
afterEach(closeAll);

function appModule(topic: string, driver: Partial<RabbitmqOptions> = {}): new () => object {
  @Controller()
  class Stock {
    @Subscribe(topic)
    move(): void {}
  }
  return rootModule({ controllers: [Stock] }, { broker: rabbitmq({ url, ...driver }), subscriptions: {} });
}

const reasonsOf = async (AppModule: new () => object) => {
  const { subscriptions } = await describeTransport(AppModule, { logger: false });
  const { level, reasons } = subscriptions[0]?.guarantee ?? { reasons: [] };
  return { level, codes: [...new Set(reasons.map(({ code }) => code))] };
};

async function hasQueue(name: string): Promise<boolean> {
  const side = await connect(url);
  const channel = await side.createChannel();
  channel.on('error', () => undefined);
  const found = await channel.checkQueue(name).then(
    () => true,
    () => false,
  );
  await side.close();
  return found;
}

async function removeQueues(topic: string): Promise<void> {
  const side = await connect(url);
  const channel = await side.createChannel();
  for (const queue of [`test:${topic}`, `held:${topic}.test.dead-letter`]) await channel.deleteQueue(queue);
  await side.close();
}

describe('RabbitMQ says what AMQP tells of how it keeps a topic', () => {
  it('before the first start that there is nothing yet, and makes nothing', async () => {
    const topic = uniqueName('orders');
    expect(await reasonsOf(appModule(topic))).toEqual({ level: 'unknown', codes: ['topic-missing', 'starts-new'] });
    expect(await hasQueue(`test:${topic}`)).toBe(false);
    expect(await hasQueue(`held:${topic}.test.dead-letter`)).toBe(false);
  });

  it.each([
    ['quorum', 'unknown', 'not-readable'],
    ['classic', 'may-lose', 'one-copy'],
  ] as const)('after it, of a %s queue: %s (%s)', async (queueType, level, code) => {
    const topic = uniqueName('orders');
    await start(await create('hybrid', appModule(topic, { queueType })));
    await closeApplications();
    expect(await reasonsOf(appModule(topic, { queueType }))).toEqual({ level, codes: [code, 'starts-new'] });
    await removeQueues(topic);
  });

  it('one answer per question, in their order', async () => {
    const topic = uniqueName('orders');
    await start(await create('hybrid', appModule(topic)));
    const connection = await connected({ url });
    const questions = [uniqueName('nowhere'), topic].map((name) => ({ topic: name, group: 'test' }));
    expect((await connection.describe?.(questions))?.topics).toMatchObject([
      undefined,
      { storage: 'disk', staleElection: false },
    ]);
    await closeApplications();
    await removeQueues(topic);
  });
});
