import { concurrently } from './concurrently.js';
import type { Answer, HttpClient } from './http-client.js';
import type { PlannedOrder } from './order-plan.js';
import type { PlacedOrder, StockLevel } from './run-report.js';

/** Requests under way at the same time. */
const CONCURRENCY = 32;

/** An order that was answered with 201. */
export type TakenOrder = Omit<PlacedOrder, 'state'>;

export interface Placing {
  readonly taken: readonly TakenOrder[];
  /** One sentence per order that was not taken. */
  readonly refused: readonly string[];
}

export async function placeOrders(
  orders: HttpClient,
  planned: readonly PlannedOrder[],
  onAnswer: (answered: number) => void,
  abort: AbortSignal,
): Promise<Placing> {
  const taken: TakenOrder[] = [];
  const refused: string[] = [];
  await concurrently(CONCURRENCY, planned, async (order) => {
    abort.throwIfAborted();
    const answer = await orders.post('/orders', order);
    if (answer.status === 201) taken.push({ orderId: orderIdOf(answer), planned: order });
    else refused.push(`an order of ${order.userId} was answered with ${describe(answer)}`);
    onAnswer(taken.length + refused.length);
  });
  return { taken, refused };
}

/** @throws Error when it is not taken */
export async function placeOrder(orders: HttpClient, planned: PlannedOrder): Promise<TakenOrder> {
  const answer = await orders.post('/orders', planned);
  if (answer.status !== 201) throw new Error(`POST /orders was answered with ${describe(answer)}`);
  return { orderId: orderIdOf(answer), planned };
}

/** How the orders stand now, asked one by one as a customer would. */
export function readOrders(orders: HttpClient, taken: readonly TakenOrder[]): Promise<PlacedOrder[]> {
  return concurrently(CONCURRENCY, taken, async (order) => {
    const answer = await orders.get(`/orders/${order.orderId}`);
    const state = answer.status === 200 ? (answer.body as { readonly state: string }).state : describe(answer);
    return { ...order, state };
  });
}

/** A sku that the inventory does not know is left out. */
export async function readStock(inventory: HttpClient, skus: readonly string[]): Promise<StockLevel[]> {
  const answers = await concurrently(CONCURRENCY, skus, (sku) => inventory.get(`/stock/${sku}`));
  return answers.filter(({ status }) => status === 200).map(({ body }) => body as StockLevel);
}

const orderIdOf = ({ body }: Answer): string => (body as { readonly orderId: string }).orderId;

const describe = ({ status, body }: Answer): string => `HTTP ${status} ${JSON.stringify(body).slice(0, 200)}`;
