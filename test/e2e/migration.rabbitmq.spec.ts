import { Transport, type RmqOptions } from '@nestjs/microservices';
import { nestPackets } from 'nest-transport/codecs';
import { rabbitmq } from 'nest-transport/rabbitmq';
import { uniqueName } from '../../tools/brokers/names.mjs';
import { answersToNestCode, NESTS_ANSWERS } from './nest-client.js';
import { MovingService, publisherOf } from './migration.js';

const url = process.env['RABBITMQ_URL'] ?? '';

describe("a service that moves from Nest's own RabbitMQ transport", () => {
  const services: MovingService[] = [];
  const serviceOn = (...patterns: string[]): MovingService => {
    const service = new MovingService(...patterns);
    services.push(service);
    return service;
  };
  afterEach(() => Promise.all(services.splice(0).map((service) => service.close())));
  const builtInOn = (queue: string) =>
    ({
      transport: Transport.RMQ,
      options: { urls: [url], queue, queueOptions: { durable: true } },
    }) as const satisfies RmqOptions;

  it('takes over a queue with one pattern as it is, and what waits in it', async () => {
    const [topic, queue] = [uniqueName('order.created'), uniqueName('orders')];
    const builtIn = builtInOn(queue);
    const service = serviceOn(topic);
    const emit = service.oldPublisher(builtIn);
    const before = await service.startBefore(builtIn);
    await emit(topic, { orderId: 'before' });
    await service.received(1);
    await before.close();
    await emit(topic, { orderId: 'between' });

    const broker = rabbitmq({ url, queueType: 'classic', queueName: () => queue });
    const after = await service.startAfter({ service: 'inventory', broker, codec: nestPackets() });
    await service.received(2);
    await emit(topic, { orderId: 'old publisher' });
    await service.received(3);
    await publisherOf(after).publish(topic, { orderId: 'new publisher' });
    expect((await service.received(4)).map((order) => (order as { orderId: string }).orderId)).toEqual([
      'before',
      'between',
      'old publisher',
      'new publisher',
    ]);
  }, 120_000);

  it("reads a queue with several patterns by Nest's transport beside ours, until it is empty", async () => {
    const [created, cancelled] = [uniqueName('order.created'), uniqueName('order.cancelled')];
    const builtIn = builtInOn(uniqueName('orders'));
    const service = serviceOn(created, cancelled);
    const emit = service.oldPublisher(builtIn);
    await emit(created, { orderId: 'o-1' });
    await emit(cancelled, { orderId: 'o-2' });
    const after = await service.startAfter({ service: uniqueName('inventory'), broker: rabbitmq({ url }) }, builtIn);
    await service.received(2);
    await publisherOf(after).publish(created, { orderId: 'o-3' });
    await publisherOf(after).publish(cancelled, { orderId: 'o-4' });
    const ids = (await service.received(4)).map((order) => (order as { orderId: string }).orderId);
    expect(ids.sort()).toEqual(['o-1', 'o-2', 'o-3', 'o-4']);
  }, 120_000);

  it('is not started on a queue with several patterns', async () => {
    const service = serviceOn(uniqueName('order.created'), uniqueName('order.cancelled'));
    const queue = uniqueName('orders');
    const broker = rabbitmq({ url, queueName: () => queue });
    const started = service.startAfter({ service: 'inventory', broker, codec: nestPackets() });
    await expect(started).rejects.toMatchObject({ code: 'TRANSPORT_OPTION_CONFLICT' });
  }, 120_000);

  it("answers what code that was written for Nest's clients expects", async () => {
    expect(await answersToNestCode(rabbitmq({ url }))).toEqual(NESTS_ANSWERS);
  }, 120_000);
});
