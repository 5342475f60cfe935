import { randomUUID } from 'node:crypto';
import { OrderCreated, StockReserved } from '@demo/contracts';
import { openDatabase, type Database } from '@demo/platform';
import type { NoticeMap, NoticeName, Notices } from 'nest-transport';
import { memory } from 'nest-transport/memory';
import { scriptedFaults } from 'nest-transport/testing';
import { BrokerProbe, Shop } from '../../apps/demo/src/index.js';
import { SourceProcess } from './source-process.js';
import { until } from './until.js';

interface OrderAnswer {
  readonly orderId: string;
  readonly state: string;
  readonly reason?: string;
  readonly amountCents: number;
}

describe('the services, together on the memory broker', () => {
  const broker = scriptedFaults(memory());
  let database: Database;
  let shop: Shop;
  let probe: BrokerProbe;

  beforeAll(async () => {
    database = await openDatabase(undefined);
    shop = await Shop.open({
      broker,
      database,
      initialStock: { lamp: 20, desk: 1, chair: 5, shelf: 5 },
      prefix: '',
      alterInventory: (data) => data,
      logger: false,
    });
    probe = await BrokerProbe.connect(broker, 'e2e-probe');
  });
  afterAll(async () => {
    await probe.close();
    await shop.close();
    await database.close();
  });

  const place = async (items: Record<string, number>): Promise<{ status: number; order: OrderAnswer }> => {
    const lines = Object.entries(items).map(([sku, quantity]) => ({ sku, quantity, unitPriceCents: 1_000 }));
    const { status, body } = await shop.orders.http.post('/orders', { userId: 'ada', items: lines });
    return { status, order: body as OrderAnswer };
  };
  const find = async (orderId: string): Promise<OrderAnswer> =>
    (await shop.orders.http.get(`/orders/${orderId}`)).body as OrderAnswer;
  const decided = (orderId: string): Promise<OrderAnswer> =>
    until(
      `an outcome of order ${orderId}`,
      () => find(orderId),
      ({ state }) => /reserved|rejected/.test(state),
    );
  const stockOf = async (sku: string): Promise<unknown> => (await shop.inventory.http.get(`/stock/${sku}`)).body;

  test('an order that stock can fill is reserved, and its stock is set aside', async () => {
    const { status, order } = await place({ lamp: 2 });
    expect([status, order.amountCents]).toEqual([201, 2_000]);
    expect(await decided(order.orderId)).toMatchObject({ state: 'reserved' });
    expect(await stockOf('lamp')).toEqual({ sku: 'lamp', available: 18, reserved: 2 });
  });

  test('an order that stock cannot fill is rejected with the reason, and takes nothing', async () => {
    const { order } = await place({ lamp: 1, desk: 2 });
    expect(await decided(order.orderId)).toMatchObject({ state: 'rejected', reason: '2 x "desk" wanted, 1 left' });
    expect(await stockOf('desk')).toEqual({ sku: 'desk', available: 1, reserved: 0 });
  });

  test('an order that comes again is reserved once, and its outcome is announced again', async () => {
    const { order } = await place({ chair: 2 });
    await decided(order.orderId);
    const again = noticeOf(shop.orders.notices, 'message:acked', ({ topic, key }) => {
      return topic === StockReserved.topic && key === order.orderId;
    });
    const event = { orderId: order.orderId, userId: 'ada', items: [{ sku: 'chair', quantity: 2 }], amountCents: 2_000 };
    await probe.inject(OrderCreated.topic, OrderCreated.type, Buffer.from(JSON.stringify(event)));
    await again;
    expect(await find(order.orderId)).toMatchObject({ state: 'reserved' });
    expect(await stockOf('chair')).toMatchObject({ available: 3, reserved: 2 });
  });

  test('an outcome that cannot be published is published later, and the stock moves once', async () => {
    const heal = broker.faults.refuse(StockReserved.topic);
    const retried = noticeOf(
      shop.inventory.notices,
      'message:retry-scheduled',
      ({ topic }) => topic === OrderCreated.topic,
    );
    const { order } = await place({ shelf: 3 });
    await retried;
    heal();
    expect(await decided(order.orderId)).toMatchObject({ state: 'reserved' });
    expect(await stockOf('shelf')).toMatchObject({ available: 2, reserved: 3 });
  });

  test('an order that the broker does not take is answered with 503 and called failed', async () => {
    const heal = broker.faults.refuse(OrderCreated.topic);
    const { status, order } = await place({ lamp: 1 });
    heal();
    expect(status).toBe(503);
    expect(order).toMatchObject({ state: 'failed', message: 'The order was not placed. Place it again later.' });
    expect(await find(order.orderId)).toMatchObject({ state: 'failed' });
  });

  test('an order of which nobody knows whether the broker took it is answered with 202, and still decided', async () => {
    const heal = broker.faults.loseConfirmations(OrderCreated.topic);
    const { status, order } = await place({ lamp: 1 });
    heal();
    // The outcome may be faster than the answer: then it is known after all.
    expect([status, order.state]).toEqual(order.state === 'new' ? [202, 'new'] : [201, 'reserved']);
    expect(await decided(order.orderId)).toMatchObject({ state: 'reserved' });
  });

  test('an outcome for an order that nobody placed is a dead letter, without a second try', async () => {
    const orderId = randomUUID();
    const given = noticeOf(shop.orders.notices, 'message:dead-lettered', ({ topic }) => topic === StockReserved.topic);
    const outcome = { orderId, items: [{ sku: 'lamp', quantity: 1 }] };
    await probe.inject(StockReserved.topic, StockReserved.type, Buffer.from(JSON.stringify(outcome)));
    const { attempt, error } = await given;
    expect([attempt, (error as Error).message]).toEqual([1, expect.stringContaining(`"${orderId}" is reserved, but`)]);
  });

  test.each([
    [{ userId: 'ada', items: [{ sku: 'lamp', quantity: 0, unitPriceCents: 1 }] }, 'items[0].quantity'],
    [{ userId: 'ada', items: [] }, 'items'],
    [{ userId: 'ada', items: [{ sku: 'lamp', quantity: 1, unitPriceCents: 1 }], amount: 1 }, '"amount"'],
    [[], 'expected object'],
  ])('the order %j is refused with 400 and the name of the field', async (body, field) => {
    const answer = await shop.orders.http.post('/orders', body);
    expect([answer.status, JSON.stringify(answer.body)]).toEqual([
      400,
      expect.stringContaining(field.replaceAll('"', '\\"')),
    ]);
  });

  test('what nobody knows is answered with 404', async () => {
    expect((await shop.orders.http.get('/orders/nobody')).status).toBe(404);
    expect((await shop.inventory.http.get('/stock/nothing')).status).toBe(404);
  });

  test('both say on /health that they are ready, and to what they are subscribed', async () => {
    const [orders, inventory] = await Promise.all([shop.orders, shop.inventory].map(({ http }) => http.get('/health')));
    expect(orders).toMatchObject({ status: 200, body: { ready: true, database: 'up', transport: { status: 'up' } } });
    expect(inventory).toMatchObject({
      status: 200,
      body: { transport: { brokers: [{ subscriptions: [{ topic: 'order.created' }] }] } },
    });
  });
});

describe('a service alone', () => {
  test.each([
    [
      'order-service',
      ['--broker', 'memory'],
      /order-service: the memory broker lives inside one process.*npm run demo\.\n$/,
    ],
    ['inventory-service', ['--broker', 'memory'], /inventory-service: the memory broker lives inside one process/],
    [
      'order-service',
      ['--prot', '1'],
      /order-service has no flag "--prot"\. It takes --broker, --brokers, --port, --help\.\n$/,
    ],
  ])('%s refuses %j with one sentence', async (service, args, sentence) => {
    const child = new SourceProcess(`apps/${service}/src/main.ts`, args);
    expect([await child.exited, child.stdout]).toEqual([2, '']);
    expect(child.stderr).toMatch(sentence);
  });
});

function noticeOf<Name extends NoticeName>(
  notices: Notices,
  name: Name,
  isWanted: (notice: NoticeMap[Name]) => boolean,
): Promise<NoticeMap[Name]> {
  return new Promise((resolve) => {
    const stop = notices.on(name, (notice) => {
      if (!isWanted(notice)) return;
      stop();
      resolve(notice);
    });
  });
}
