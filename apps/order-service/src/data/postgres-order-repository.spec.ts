import { openDatabase, type Database } from '@demo/platform';
import { newOrder, type OrderState } from '../biz/order.js';
import { PostgresOrderRepository } from './postgres-order-repository.js';

const REQUEST = { userId: 'ada', items: [{ sku: 'lamp', quantity: 2, unitPriceCents: 1_999 }] };

describe('orders in Postgres', () => {
  let database: Database;
  let orders: PostgresOrderRepository;

  beforeAll(async () => {
    database = await openDatabase(process.env['DATABASE_URL']);
    orders = new PostgresOrderRepository(database);
    await orders.onModuleInit();
  });
  afterAll(() => database.close());

  const added = async () => {
    const order = newOrder(REQUEST);
    await orders.add(order);
    return order;
  };

  test('come back as they were saved', async () => {
    const order = await added();
    expect(await orders.find(order.orderId)).toEqual(order);
  });

  test('that nobody saved are not found and do not move', async () => {
    expect(await orders.find('nobody')).toBeUndefined();
    expect(await orders.advance('nobody', 'reserved')).toBeUndefined();
  });

  test.each<[OrderState, OrderState]>([
    ['reserved', 'placed'],
    ['reserved', 'rejected'],
    ['rejected', 'reserved'],
    ['rejected', 'failed'],
    ['failed', 'placed'],
    ['failed', 'reserved'],
  ])('that are %s never become %s', async (first, second) => {
    const { orderId } = await added();
    await orders.advance(orderId, first, 'first');
    expect(await orders.advance(orderId, second, 'second')).toMatchObject({ state: first, reason: 'first' });
  });

  test('end in one state when two outcomes come at once', async () => {
    const { orderId } = await added();
    const [one, other] = await Promise.all([orders.advance(orderId, 'reserved'), orders.advance(orderId, 'rejected')]);
    expect(one?.state).toBe(other?.state);
  });
});
