import { randomUUID } from 'node:crypto';
import { OrderCreated, StockRejected, StockReserved, type OrderCreatedData } from '@demo/contracts';
import { DatabaseModule, openDatabase, type Database } from '@demo/platform';
import { Test } from '@nestjs/testing';
import { kafka } from 'nest-transport/kafka';
import { expectIdempotent, TestTransport, type TestTransportOptions } from 'nest-transport/testing';
import { StockRepository } from '../biz/ports.js';
import { DataModule } from '../data/data.module.js';
import { SCHEMA } from '../data/migrations.js';
import { InventoryServiceModule } from './inventory-service.module.js';

const orderOf = (sku: string, quantity: number): OrderCreatedData => ({
  orderId: randomUUID(),
  userId: 'ada',
  items: [{ sku, quantity }],
  amountCents: 1_000,
});

// The service as main.ts puts it together, on Kafka: TestTransport has memory play it.
describe('the inventory service', () => {
  let database: Database;
  let transport: TestTransport;

  const serviceOf = (stock: Readonly<Record<string, number>>) =>
    Test.createTestingModule({
      imports: [
        InventoryServiceModule.forRoot({
          broker: kafka({ brokers: ['localhost:9092'] }),
          data: DataModule.on(DatabaseModule.share(database), stock),
        }),
      ],
    });

  beforeAll(async () => {
    database = await openDatabase(undefined);
    transport = await TestTransport.start(serviceOf({ lamp: 20, desk: 1 }));
  });
  afterEach(() => transport.forget());
  afterAll(async () => {
    await transport.close();
    await database.close();
  });

  const stockOf = (sku: string) => transport.get(StockRepository).find(sku);

  test('sets stock aside for an order and announces it', async () => {
    const order = orderOf('lamp', 2);
    const story = await transport.publishAndSettle(OrderCreated, order);
    story.assertAcked(OrderCreated);
    story.assertPublished(StockReserved, { orderId: order.orderId });
    expect(await stockOf('lamp')).toMatchObject({ available: 18, reserved: 2 });
  });

  test('announces the rejection of an order that it cannot fill, and moves nothing', async () => {
    const order = orderOf('desk', 2);
    const story = await transport.publishAndSettle(OrderCreated, order);
    story.assertPublished(StockRejected, { orderId: order.orderId, reason: '2 x "desk" wanted, 1 left' });
    story.assertNotPublished(StockReserved);
    expect(await stockOf('desk')).toMatchObject({ available: 1, reserved: 0 });
  });

  test('announces later what the database could not decide at first, with all waits behind it at once', async () => {
    const repository = transport.get(StockRepository);
    const away = failing(repository, 2);
    const story = await transport.publishAndSettle(OrderCreated, orderOf('lamp', 1));
    away();
    story.assertRetried(OrderCreated, 2);
    story.assertPublished(StockReserved);
  });

  test('gives up at once what is no order, naming the field', async () => {
    const story = await transport.publishAndSettle(OrderCreated.topic, { orderId: 'o-1' });
    story.assertDeadLettered(OrderCreated, 'userId');
    expect(story.retries()).toEqual([]);
  });

  test('moves the stock once, however often and in which order messages come', async () => {
    const start = async (options: TestTransportOptions) => {
      await database.query(`delete from ${SCHEMA}.reservations`);
      await database.query(`delete from ${SCHEMA}.stock`);
      const tried = await TestTransport.start(serviceOf({ lamp: 50, desk: 50 }), options);
      const find = (sku: string) => tried.get(StockRepository).find(sku);
      return { transport: tried, state: () => Promise.all(['lamp', 'desk'].map(find)) };
    };
    const payloads = [orderOf('lamp', 2), orderOf('desk', 3), orderOf('lamp', 5), orderOf('desk', 7)];
    await expectIdempotent(start, { event: OrderCreated, payloads, runs: 3, faults: { duplicate: 0.6, loseAck: 0.4 } });
  });
});

/** Fails this many times, then works as before. The returned function restores it. */
function failing(repository: StockRepository, times: number): () => void {
  const { reserveOnce } = repository;
  let left = times;
  repository.reserveOnce = (...given) =>
    left-- > 0 ? Promise.reject(new Error('the database is unreachable')) : reserveOnce.apply(repository, given);
  return () => void (repository.reserveOnce = reserveOnce);
}
