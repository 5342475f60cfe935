import { newOrder, predecessorsOf, type Order, type OrderRequest, type OrderState } from './order.js';
import { OrderUseCase } from './order-use-case.js';
import { OrderAnnouncer, OrderRepository, type Announcement } from './ports.js';

const REQUEST: OrderRequest = {
  userId: 'ada',
  items: [
    { sku: 'lamp', quantity: 2, unitPriceCents: 1_999 },
    { sku: 'desk', quantity: 1, unitPriceCents: 14_900 },
  ],
};

class OrdersInMemory extends OrderRepository {
  readonly states: OrderState[] = [];
  readonly #orders = new Map<string, Order>();

  async add(order: Order): Promise<void> {
    this.states.push(order.state);
    this.#orders.set(order.orderId, order);
  }

  async find(orderId: string): Promise<Order | undefined> {
    return this.#orders.get(orderId);
  }

  async advance(orderId: string, to: OrderState, reason?: string): Promise<Order | undefined> {
    const order = this.#orders.get(orderId);
    if (order === undefined || !predecessorsOf(to).includes(order.state)) return order;
    const moved = { ...order, state: to, reason };
    this.states.push(to);
    this.#orders.set(orderId, moved);
    return moved;
  }
}

class Announcer extends OrderAnnouncer {
  readonly announced: Order[] = [];

  constructor(private readonly answer: (order: Order) => Announcement | Promise<Announcement>) {
    super();
  }

  async announce(order: Order): Promise<Announcement> {
    this.announced.push(order);
    return this.answer(order);
  }
}

function shop(answer: (order: Order, orders: OrdersInMemory) => Announcement | Promise<Announcement>) {
  const orders = new OrdersInMemory();
  const announcer = new Announcer((order) => answer(order, orders));
  return { orders, announcer, useCase: new OrderUseCase(orders, announcer) };
}

describe('placing an order', () => {
  test('saves it first, announces it, and calls it placed when the broker has it', async () => {
    const { useCase, orders, announcer } = shop(() => ({ kind: 'stored' }));
    const order = await useCase.place(REQUEST);
    expect(order).toMatchObject({ userId: 'ada', amountCents: 18_898, state: 'placed' });
    expect(announcer.announced.map(({ state }) => state)).toEqual(['new']);
    expect(orders.states).toEqual(['new', 'placed']);
    expect(await useCase.find(order.orderId)).toEqual(order);
  });

  test('calls it failed, with the reason, when the broker certainly does not have it', async () => {
    const { useCase } = shop(() => ({ kind: 'not-stored', reason: 'no broker answered' }));
    expect(await useCase.place(REQUEST)).toMatchObject({ state: 'failed', reason: 'no broker answered' });
  });

  test('leaves it new when nobody knows whether the broker has it, so that an outcome is still taken', async () => {
    const { useCase } = shop(() => ({ kind: 'unknown', reason: 'the connection broke' }));
    const { orderId, state } = await useCase.place(REQUEST);
    expect(state).toBe('new');
    expect(await useCase.applyOutcome({ orderId, kind: 'reserved' })).toBe('applied');
  });

  test('returns the outcome if it arrives before the confirmation', async () => {
    const { useCase } = shop(async ({ orderId }, orders) => {
      await orders.advance(orderId, 'reserved');
      return { kind: 'stored' };
    });
    expect(await useCase.place(REQUEST)).toMatchObject({ state: 'reserved' });
  });
});

describe('an outcome', () => {
  const placed = async () => {
    const { useCase } = shop(() => ({ kind: 'stored' }));
    return { useCase, orderId: (await useCase.place(REQUEST)).orderId };
  };

  test('changes the order once, however often it comes', async () => {
    const { useCase, orderId } = await placed();
    const outcome = { orderId, kind: 'rejected', reason: '2 x "lamp" wanted, 1 left' } as const;
    expect([await useCase.applyOutcome(outcome), await useCase.applyOutcome(outcome)]).toEqual(['applied', 'applied']);
    expect(await useCase.find(orderId)).toMatchObject({ state: 'rejected', reason: '2 x "lamp" wanted, 1 left' });
  });

  test('that contradicts an earlier one changes nothing and says so', async () => {
    const { useCase, orderId } = await placed();
    await useCase.applyOutcome({ orderId, kind: 'reserved' });
    expect(await useCase.applyOutcome({ orderId, kind: 'rejected', reason: 'late' })).toBe('contradicted');
    expect(await useCase.find(orderId)).toMatchObject({ state: 'reserved', reason: undefined });
  });

  test('of an order that nobody placed is said to be so', async () => {
    const { useCase } = await placed();
    expect(await useCase.applyOutcome({ orderId: newOrder(REQUEST).orderId, kind: 'reserved' })).toBe('unknown-order');
  });
});

test('no state can be reached again from a later one', () => {
  const states: OrderState[] = ['new', 'placed', 'failed', 'reserved', 'rejected'];
  const ancestors = (state: OrderState): OrderState[] =>
    predecessorsOf(state).flatMap((before) => [before, ...ancestors(before)]);
  expect(states.filter((state) => ancestors(state).includes(state))).toEqual([]);
  expect(ancestors('failed')).not.toContain('placed');
});
