import type { PlannedOrder } from './order-plan.js';

/** An order that the order service took, and how it stood at the end. */
export interface PlacedOrder {
  readonly orderId: string;
  readonly planned: PlannedOrder;
  readonly state: string;
}

/** A dead letter as it was read back from its topic. */
export interface DeadLetterCopy {
  readonly topic: string;
  readonly id: string;
  readonly body: Buffer;
  readonly headers: Readonly<Record<string, string>>;
}

export interface StockLevel {
  readonly sku: string;
  readonly available: number;
  readonly reserved: number;
}

/** Everything that was seen of a run, from outside: HTTP answers, topics, notices, and the reservations kept. */
export interface RunFacts {
  readonly broker: string;
  /** Where that broker came from, in words. */
  readonly origin: string;
  readonly planned: number;
  readonly initialStock: Readonly<Record<string, number>>;
  /** Orders that `POST /orders` did not answer with 201. */
  readonly refused: readonly string[];
  readonly orders: readonly PlacedOrder[];
  readonly poisonOrder: PlacedOrder;
  /** What the inventory keeps, by order id. */
  readonly reservations: ReadonlyMap<string, string>;
  readonly stock: readonly StockLevel[];
  readonly deadLetters: readonly DeadLetterCopy[];
  /** Messages that were tried more than once. */
  readonly retried: number;
  readonly settledInMs: number;
  readonly durationMs: number;
}

/** The line that `--json` prints. */
export interface RunSummary {
  readonly broker: string;
  /** Orders taken, the poison order not counted: `reserved + rejected`, when all is well. */
  readonly placed: number;
  readonly reserved: number;
  readonly rejected: number;
  /** Messages in dead-letter topics. */
  readonly deadLettered: number;
  /** Messages that were tried more than once. */
  readonly retried: number;
  /** Orders that were taken and never decided. */
  readonly lost: number;
  readonly stockConsistent: boolean;
  readonly durationMs: number;
}

export function summarize(facts: RunFacts): RunSummary {
  const count = (state: string): number => facts.orders.filter((order) => order.state === state).length;
  const [reserved, rejected] = [count('reserved'), count('rejected')];
  return {
    broker: facts.broker,
    placed: facts.orders.length,
    reserved,
    rejected,
    deadLettered: facts.deadLetters.length,
    retried: facts.retried,
    lost: facts.orders.length - reserved - rejected,
    stockConsistent: stockFaults(facts).length === 0,
    durationMs: Math.round(facts.durationMs),
  };
}

/** One sentence per sku whose stock is not what the reserved orders leave of it. */
export function stockFaults({ initialStock, orders, stock }: RunFacts): string[] {
  const sold = new Map<string, number>();
  for (const { planned } of orders.filter(({ state }) => state === 'reserved')) {
    for (const { sku, quantity } of planned.items) sold.set(sku, (sold.get(sku) ?? 0) + quantity);
  }
  const levels = new Map(stock.map((level) => [level.sku, level]));
  return Object.entries(initialStock).flatMap(([sku, initial]) => {
    const [level, wanted] = [levels.get(sku), sold.get(sku) ?? 0];
    if (level !== undefined && level.reserved === wanted && level.available === initial - wanted) return [];
    const found = level === undefined ? 'nothing' : `${level.available} available and ${level.reserved} reserved`;
    return [`${sku}: ${initial} at first, ${wanted} in reserved orders, but the inventory says ${found}`];
  });
}
