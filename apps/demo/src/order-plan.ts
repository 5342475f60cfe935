/** One order as it will be sent to `POST /orders`. */
export interface PlannedOrder {
  readonly userId: string;
  readonly items: readonly { readonly sku: string; readonly quantity: number; readonly unitPriceCents: number }[];
}

/** What the run does, decided before it starts, so that its end can be checked against it. */
export interface OrderPlan {
  /** What stands on the shelves at first, by sku. */
  readonly initialStock: Readonly<Record<string, number>>;
  /** The orders that are counted; one of them is the flaky one. */
  readonly orders: readonly PlannedOrder[];
  /** One more order, whose handler always fails. It is not among those counted: nobody ever decides about it. */
  readonly poisonOrder: PlannedOrder;
  /** Handling an order with this sku fails always. */
  readonly poisonSku: string;
  /** Handling an order with this sku fails twice, then works. */
  readonly flakySku: string;
}

const GOODS = [
  { name: 'keyboard', inStock: 500, unitPriceCents: 8_900 },
  { name: 'lamp', inStock: 500, unitPriceCents: 3_900 },
  // Not enough for everybody who wants one.
  { name: 'desk', inStock: 60, unitPriceCents: 24_900 },
  { name: 'chair', inStock: 150, unitPriceCents: 14_900 },
] as const;

export const PLANNED_ORDERS = 500;

/** @param run part of every sku, so that runs that share a database never see each other's stock */
export function planOrders(run: string, count = PLANNED_ORDERS): OrderPlan {
  const sku = (name: string): string => `${name}-${run}`;
  const [poisonSku, flakySku] = [sku('poison'), sku('flaky')];
  const order = (userId: string, ...items: PlannedOrder['items']): PlannedOrder => ({ userId, items });
  const special = (wanted: string) => ({ sku: wanted, quantity: 1, unitPriceCents: 100 });
  const ordinary = Array.from({ length: count - 1 }, (_, index) => order(`user-${index % 50}`, ...itemsOf(index, sku)));
  return {
    initialStock: {
      ...Object.fromEntries(GOODS.map(({ name, inStock }) => [sku(name), inStock])),
      [poisonSku]: 10,
      [flakySku]: 10,
    },
    orders: ordinary.toSpliced(Math.floor(count / 2), 0, order('flaky-user', special(flakySku))),
    poisonOrder: order('poison-user', special(poisonSku)),
    poisonSku,
    flakySku,
  };
}

function itemsOf(index: number, sku: (name: string) => string): PlannedOrder['items'] {
  const item = (good: (typeof GOODS)[number], quantity: number) => ({
    sku: sku(good.name),
    quantity,
    unitPriceCents: good.unitPriceCents,
  });
  const first = GOODS[index % GOODS.length] ?? GOODS[0];
  // Every fifth order has a second line, so that some are refused for an item although the other one is there.
  const second = index % 5 === 0 ? [item(GOODS[(index + 1) % GOODS.length] ?? GOODS[0], 1)] : [];
  return [item(first, 1 + (index % 3)), ...second];
}
