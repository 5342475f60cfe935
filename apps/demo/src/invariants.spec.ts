import { DEAD_LETTER_HEADERS as H } from 'nest-transport';
import { checkInvariants } from './invariants.js';
import { planOrders, type PlannedOrder } from './order-plan.js';
import { describeRun } from './report-table.js';
import { summarize, type DeadLetterCopy, type RunFacts } from './run-report.js';

const order = (sku: string, quantity: number): PlannedOrder => ({
  userId: 'ada',
  items: [{ sku, quantity, unitPriceCents: 100 }],
});

const deadLetter = (id: string, body: string, key?: string): DeadLetterCopy => ({
  topic: 'order.created.inventory-service.dead-letter',
  id,
  body: Buffer.from(body),
  headers: {
    [H.topic]: 'order.created',
    [H.group]: 'inventory-service',
    [H.attempts]: key === undefined ? '1' : '5',
    [H.firstFailedAt]: '2026-01-01T00:00:00.000Z',
    [H.lastFailedAt]: '2026-01-01T00:00:01.000Z',
    [H.errorName]: 'Error',
    [H.errorMessage]: 'stuck',
    ...(key === undefined ? {} : { [H.key]: key }),
  },
});

/** A run in which all went well: one order filled, one refused. */
const GOOD: RunFacts = {
  broker: 'memory',
  origin: 'inside this process',
  planned: 2,
  initialStock: { lamp: 5 },
  refused: [],
  orders: [
    { orderId: 'filled', planned: order('lamp', 3), state: 'reserved' },
    { orderId: 'refused', planned: order('lamp', 9), state: 'rejected' },
  ],
  poisonOrder: { orderId: 'poison', planned: order('poison', 1), state: 'placed' },
  reservations: new Map([
    ['filled', 'reserved'],
    ['refused', 'rejected'],
  ]),
  stock: [{ sku: 'lamp', available: 2, reserved: 3 }],
  deadLetters: [deadLetter('1', 'no json'), deadLetter('2', '{}', 'poison')],
  retried: 2,
  settledInMs: 1_000,
  durationMs: 2_000.4,
};

const brokenBy = (change: Partial<RunFacts>): string[] =>
  checkInvariants({ ...GOOD, ...change }).flatMap(({ promise, faults }) =>
    faults.map((fault) => `${promise}: ${fault}`),
  );

describe('the invariants', () => {
  test('hold when all went well', () => {
    expect(brokenBy({})).toEqual([]);
    expect(describeRun(GOOD, checkInvariants(GOOD))).toContain('All is well.');
    expect(summarize(GOOD)).toEqual({
      broker: 'memory',
      placed: 2,
      reserved: 1,
      rejected: 1,
      deadLettered: 2,
      retried: 2,
      lost: 0,
      stockConsistent: true,
      durationMs: 2_000,
    });
  });

  test.each<[string, Partial<RunFacts>, RegExp]>([
    [
      'an order that was not taken',
      { refused: ['an order of ada was answered with HTTP 503'] },
      /are taken: .*HTTP 503/,
    ],
    [
      'an order that nobody decided',
      { orders: [...GOOD.orders, { orderId: 'x', planned: order('lamp', 1), state: 'placed' }] },
      /no order is lost: 1 lost: x is placed/,
    ],
    [
      'stock that went twice for one order',
      { stock: [{ sku: 'lamp', available: -1, reserved: 6 }] },
      /lamp: 5 at first, 3 in reserved orders, but the inventory says -1 available and 6 reserved/,
    ],
    ['stock that nobody knows', { stock: [] }, /the inventory says nothing/],
    [
      'an order that says other than its reservation',
      { reservations: new Map([['filled', 'rejected']]) },
      /order filled is reserved, its reservation is rejected/,
    ],
    [
      'a reservation for the poison order',
      { reservations: new Map([...GOOD.reservations, ['poison', 'reserved']]) },
      /order poison is placed, its reservation is reserved/,
    ],
    ['a dead letter too few', { deadLetters: GOOD.deadLetters.slice(1) }, /1 dead letters were read back/],
    [
      'a dead letter that is there twice',
      { deadLetters: [...GOOD.deadLetters, deadLetter('2', '{}', 'poison')] },
      /3 dead letters were read back/,
    ],
    [
      'a dead letter without its headers',
      {
        deadLetters: [
          deadLetter('2', '{}', 'poison'),
          { topic: 't', id: '1', body: Buffer.from('no json'), headers: {} },
        ],
      },
      /dead letter 1 has no header dead-letter-topic/,
    ],
    ['a message that was never tried again', { retried: 1 }, /1 messages were tried again/],
  ])('break for %s, with its values', (_case, change, fault) => {
    expect(brokenBy(change).join('\n')).toMatch(fault);
    expect(describeRun({ ...GOOD, ...change }, checkInvariants({ ...GOOD, ...change }))).toMatch(/BROKEN .*\n/);
  });
});

test('the plan has 500 orders, the flaky one among them, and more wishes than stock', () => {
  const { orders, poisonOrder, flakySku, poisonSku, initialStock } = planOrders('run');
  expect(orders).toHaveLength(500);
  expect(orders.filter(({ items }) => items.some(({ sku }) => sku === flakySku))).toHaveLength(1);
  expect(orders.some(({ items }) => items.some(({ sku }) => sku === poisonSku))).toBe(false);
  expect(poisonOrder.items).toEqual([{ sku: poisonSku, quantity: 1, unitPriceCents: 100 }]);
  const wanted = orders.flatMap(({ items }) => items).filter(({ sku }) => sku === 'desk-run');
  expect(wanted.reduce((sum, { quantity }) => sum + quantity, 0)).toBeGreaterThan(initialStock['desk-run'] ?? 0);
});
