import type { INestApplication } from '@nestjs/common';
import { Transport, type NatsOptions } from '@nestjs/microservices';
import type { NatsConnection } from '@nats-io/transport-node';
import { nestPackets } from 'nest-transport/codecs';
import { nats } from 'nest-transport/nats';
import { uniqueName } from '../../tools/brokers/names.mjs';
import { answersToNestCode, NESTS_ANSWERS } from './nest-client.js';
import { MovingService, publisherOf } from './migration.js';

const server = (process.env['NATS_URL'] ?? '').replace('nats://', '');

describe("a service that moves from Nest's own NATS transport", () => {
  const services: MovingService[] = [];
  const serviceOn = (subject: string): MovingService => {
    const service = new MovingService(subject);
    services.push(service);
    return service;
  };
  const builtIn = {
    transport: Transport.NATS,
    options: { servers: server, queue: 'inventory' },
  } as const satisfies NatsOptions;
  /** n.b. Nest does not wait until the server has its subscriptions, and core NATS keeps nothing. */
  const startBefore = async (service: MovingService): Promise<INestApplication> => {
    const app = await service.startBefore(builtIn);
    await app.getMicroservices()[0]?.unwrap<NatsConnection>().flush();
    return app;
  };
  afterEach(() => Promise.all(services.splice(0).map((service) => service.close())));

  it('reads the packets of old publishers and plain messages, and loses none of them from then on', async () => {
    const subject = uniqueName('order.created');
    const service = serviceOn(subject);
    const emit = service.oldPublisher(builtIn);
    const before = await startBefore(service);
    await emit(subject, { orderId: 'before' });
    await service.received(1);
    await before.close();

    const options = { service: 'inventory', broker: nats({ servers: [server], provision: {} }), codec: nestPackets() };
    const first = await service.startAfter(options);
    await emit(subject, { orderId: 'old publisher' });
    await service.received(2);
    await first.close();
    await emit(subject, { orderId: 'nobody was there' });
    const after = await service.startAfter(options);
    await service.received(3);
    await publisherOf(after).publish(subject, { orderId: 'new publisher' });
    expect((await service.received(4)).map((order) => (order as { orderId: string }).orderId)).toEqual([
      'before',
      'old publisher',
      'nobody was there',
      'new publisher',
    ]);
  }, 120_000);

  it('on core NATS reads old publishers beside services that have not moved, and is read by these', async () => {
    const subject = uniqueName('order.created');
    const [old, moved] = [serviceOn(subject), serviceOn(subject)];
    await startBefore(old);
    const broker = nats({ servers: [server], mode: 'core' });
    const app = await moved.startAfter({ service: 'reports', broker, codec: nestPackets() });
    await old.oldPublisher(builtIn)(subject, { orderId: 'o-1' });
    // n.b. two connections: what the second one sends may come first.
    await Promise.all([old.received(1), moved.received(1)]);
    await publisherOf(app).publish(subject, { orderId: 'o-2' });
    const both = [{ orderId: 'o-1' }, { orderId: 'o-2' }];
    expect([await old.received(2), await moved.received(2)]).toEqual([both, both]);
  }, 120_000);

  it("answers what code that was written for Nest's clients expects", async () => {
    expect(await answersToNestCode(nats({ servers: [server], provision: {} }))).toEqual(NESTS_ANSWERS);
  }, 120_000);
});
