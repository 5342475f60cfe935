import { OrderCreated } from '@demo/contracts';
import type { Database } from '@demo/platform';
import type { DynamicModule } from '@nestjs/common';
import { INVENTORY_SCHEMA } from '../../inventory-service/src/index.js';
import { BrokerProbe } from './broker-probe.js';
import type { Closers } from './closers.js';
import { faultsOf, withFaults } from './faults.js';
import { planOrders, type OrderPlan } from './order-plan.js';
import { placeOrder, placeOrders, readOrders, readStock, type Placing, type TakenOrder } from './place-orders.js';
import type { RunFacts } from './run-report.js';
import { SettlementWatch } from './settlement-watch.js';
import { Shop } from './shop.js';
import type { Venue } from './venue.js';

export interface RunOptions {
  readonly brokerName: string;
  readonly venue: Venue;
  /** Marks what belongs to this run. */
  readonly run: string;
  readonly startedAt: number;
  /** Closed by whoever opened it. */
  readonly database: Database;
  readonly closers: Closers;
  readonly abort: AbortSignal;
  readonly say: (line: string) => void;
  /** Changes the inventory's data layer further: how a test plants a fault that the run has to notice. */
  readonly alterInventory?: ((data: DynamicModule) => DynamicModule) | undefined;
  /** How many orders are placed and counted. @default 500 */
  readonly orderCount?: number | undefined;
}

export interface Run {
  readonly facts: RunFacts;
  readonly shop: Shop;
}

/** Nothing at all happening for so long means that what is missing will not come: far more than the longest pause between attempts. */
const IDLE_MS = 20_000;
const READ_BACK_MS = 10_000;
const PROGRESS_STEP = 100;

/** The malformed message and the poison order. */
const DEAD_LETTERS = 2;

/** Opens the shop, places the orders, waits until all is settled and looks at what is there. */
export async function performRun(options: RunOptions): Promise<Run> {
  const { say, abort, closers } = options;
  const plan = planOrders(options.run, options.orderCount);
  const stage = await openShop(plan, options);
  const { shop, probe } = stage;
  const watch = new SettlementWatch(shop.orders.notices, shop.inventory.notices, progress('decided', plan, say));
  closers.add('the watch', async () => watch.close());

  const firstOrderAt = performance.now();
  await probe.inject(OrderCreated.topic, OrderCreated.type, Buffer.from('{"orderId": oops, this is no JSON'));
  const poison = await placeOrder(shop.orders.http, plan.poisonOrder);
  const placing = await placeOrders(shop.orders.http, plan.orders, progress('placed', plan, say), abort);
  const goal = { orderIds: placing.taken.map(({ orderId }) => orderId), deadLetters: DEAD_LETTERS };
  if (!(await watch.reached(goal, IDLE_MS, abort))) say('nothing happens any more, and not all is settled');
  abort.throwIfAborted();
  const settledInMs = performance.now() - firstOrderAt;

  const found = await collect(stage, plan, poison, placing, watch);
  const { brokerName, venue, startedAt } = options;
  const durationMs = performance.now() - startedAt;
  return { facts: { broker: brokerName, origin: venue.origin, ...found, settledInMs, durationMs }, shop };
}

/** What can be seen of the run from outside, once it is over. */
async function collect(
  { shop, probe, database }: Stage,
  plan: OrderPlan,
  poison: TakenOrder,
  { taken, refused }: Placing,
  watch: SettlementWatch,
): Promise<Omit<RunFacts, 'broker' | 'origin' | 'settledInMs' | 'durationMs'>> {
  const [poisonOrder, ...orders] = await readOrders(shop.orders.http, [poison, ...taken]);
  return {
    planned: plan.orders.length,
    initialStock: plan.initialStock,
    refused,
    orders,
    poisonOrder: poisonOrder ?? { ...poison, state: 'not found' },
    reservations: await readReservations(database, [poison, ...taken]),
    stock: await readStock(shop.inventory.http, Object.keys(plan.initialStock)),
    deadLetters: await probe.readBack(watch.deadLetterTopics, READ_BACK_MS),
    retried: watch.retried,
  };
}

interface Stage {
  readonly shop: Shop;
  readonly probe: BrokerProbe;
  readonly database: Database;
}

async function openShop(plan: OrderPlan, options: RunOptions): Promise<Stage> {
  const { venue, run, database, closers, say, alterInventory } = options;
  say(`opening the shop; broker: ${venue.origin}`);
  const faults = faultsOf(plan);
  const shop = await Shop.open({
    broker: venue.broker,
    database,
    initialStock: plan.initialStock,
    prefix: venue.prefix,
    alterInventory: (data) => withFaults(alterInventory?.(data) ?? data, faults),
  });
  closers.add('the shop', () => shop.close());
  const probe = await BrokerProbe.connect(venue.broker, `${venue.prefix}demo-audit-${run}`);
  closers.add("the demo's own connection", () => probe.close());
  say(`order service at ${shop.orders.http.url}, inventory service at ${shop.inventory.http.url}`);
  say(
    `placing ${plan.orders.length} orders; one of them fails twice (${plan.flakySku}). On top: ` +
      `a malformed message, and a poison order whose handler always fails (${plan.poisonSku})`,
  );
  return { shop, probe, database };
}

/** What the inventory keeps, read from its own tables: the auditor does not take the services' word for it. */
async function readReservations(
  database: Database,
  orders: readonly TakenOrder[],
): Promise<ReadonlyMap<string, string>> {
  const rows = await database.query<{ order_id: string; outcome: string }>(
    `select order_id, outcome from ${INVENTORY_SCHEMA}.reservations where order_id = any ($1)`,
    [orders.map(({ orderId }) => orderId)],
  );
  return new Map(rows.map(({ order_id, outcome }) => [order_id, outcome]));
}

const progress =
  (what: string, { orders }: OrderPlan, say: (line: string) => void) =>
  (count: number): void => {
    if (count % PROGRESS_STEP === 0 || count === orders.length) say(`  ${what} ${count}/${orders.length}`);
  };
