import { randomUUID } from 'node:crypto';
import { openDatabase, type Database } from '@demo/platform';
import { decide, type Decision, type ReservationRequest } from '../biz/reservation.js';
import { PostgresStockRepository, type InitialStock } from './postgres-stock-repository.js';

const wish = (items: Record<string, number>, orderId: string = randomUUID()): ReservationRequest => ({
  orderId,
  items: Object.entries(items).map(([sku, quantity]) => ({ sku, quantity })),
});

// In-process Postgres has one connection, so its transactions take turns; with DATABASE_URL they really meet.
describe('stock in Postgres', () => {
  let database: Database;

  beforeAll(async () => {
    database = await openDatabase(process.env['DATABASE_URL']);
  });
  afterAll(() => database.close());

  /** Skus of this test alone. */
  const shelf = async (...quantities: number[]) => {
    const skus = quantities.map((_, index) => `sku-${index}-${randomUUID()}`);
    const initial: InitialStock = Object.fromEntries(skus.map((sku, index) => [sku, quantities[index] ?? 0]));
    const repository = new PostgresStockRepository(database, initial);
    await repository.onModuleInit();
    return { repository, skus: skus as [string, ...string[]] };
  };

  test('is set aside once, however often the order comes, and also when it comes twice at once', async () => {
    const { repository, skus } = await shelf(10);
    const request = wish({ [skus[0]]: 3 });
    const reservations = await Promise.all([1, 2, 3, 4].map(() => repository.reserveOnce(request, decide)));
    expect(new Set(reservations.map(({ outcome }) => outcome))).toEqual(new Set(['reserved']));
    expect(await repository.find(skus[0])).toEqual({ sku: skus[0], available: 7, reserved: 3 });
  });

  test('keeps the first answer, although it would be another one by now', async () => {
    const { repository, skus } = await shelf(1);
    const [late, early] = [wish({ [skus[0]]: 2 }), wish({ [skus[0]]: 1 })];
    const rejected = await repository.reserveOnce(late, decide);
    await repository.reserveOnce(early, decide);
    expect(await repository.reserveOnce(late, decide)).toEqual(rejected);
    expect(rejected).toMatchObject({ outcome: 'rejected', reason: `2 x "${skus[0]}" wanted, 1 left` });
  });

  test('is never oversold by orders that come at once', async () => {
    const { repository, skus } = await shelf(10);
    const requests = Array.from({ length: 40 }, () => wish({ [skus[0]]: 1 }));
    const reservations = await Promise.all(requests.map((request) => repository.reserveOnce(request, decide)));
    expect(reservations.filter(({ outcome }) => outcome === 'reserved')).toHaveLength(10);
    expect(await repository.find(skus[0])).toEqual({ sku: skus[0], available: 0, reserved: 10 });
  });

  test('is taken whole or not at all, also by orders that want the same items in another order', async () => {
    const { repository, skus } = await shelf(20, 10);
    const [a, b = ''] = skus;
    const requests = Array.from({ length: 30 }, (_, i) => wish(i % 2 === 0 ? { [a]: 1, [b]: 1 } : { [b]: 1, [a]: 1 }));
    await Promise.all(requests.map((request) => repository.reserveOnce(request, decide)));
    expect([await repository.find(a), await repository.find(b)]).toMatchObject([{ available: 10 }, { available: 0 }]);
  });

  test('does not move when the transaction fails', async () => {
    const { repository, skus } = await shelf(5);
    const careless = (): Decision => ({ outcome: 'reserved' });
    const request = wish({ [skus[0]]: 6 });
    await expect(repository.reserveOnce(request, careless)).rejects.toThrow('check');
    expect(await repository.find(skus[0])).toMatchObject({ available: 5, reserved: 0 });
    expect(await repository.reserveOnce(request, decide)).toMatchObject({ outcome: 'rejected' });
  });

  test('that a service finds at its second start stays as it is', async () => {
    const { repository, skus } = await shelf(5);
    await repository.reserveOnce(wish({ [skus[0]]: 2 }), decide);
    await new PostgresStockRepository(database, { [skus[0]]: 5 }).onModuleInit();
    expect(await repository.find(skus[0])).toMatchObject({ available: 3, reserved: 2 });
  });
});
