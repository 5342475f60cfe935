import { randomUUID } from 'node:crypto';

export interface OrderItem {
  readonly sku: string;
  readonly quantity: number;
  readonly unitPriceCents: number;
}

/** What a customer asks for. */
export interface OrderRequest {
  readonly userId: string;
  readonly items: readonly OrderItem[];
}

/**
 * ```
 * new ──► placed ──► reserved | rejected      placed: the broker has stored order.created
 *  │  ╰────────────► reserved | rejected      new:    saved, and not known to be on the broker
 *  ╰──► failed                                failed: certainly not on the broker, so nobody will handle it
 * ```
 * Read from left to right there is no way back, so it does not matter how often, or how late, an outcome is reported.
 */
export type OrderState = 'new' | 'placed' | 'failed' | 'reserved' | 'rejected';

export interface Order extends OrderRequest {
  readonly orderId: string;
  readonly amountCents: number;
  readonly state: OrderState;
  /** Why it was rejected or failed. */
  readonly reason: string | undefined;
}

const PREDECESSORS: Readonly<Record<OrderState, readonly OrderState[]>> = {
  new: [],
  placed: ['new'],
  failed: ['new'],
  reserved: ['new', 'placed'],
  rejected: ['new', 'placed'],
};

/** The states from which an order may go to `state`. */
export const predecessorsOf = (state: OrderState): readonly OrderState[] => PREDECESSORS[state];

/** The amount is ours to compute: a customer's sum is not to be believed. */
export function newOrder(request: OrderRequest): Order {
  const amountCents = request.items.reduce((sum, item) => sum + item.quantity * item.unitPriceCents, 0);
  return { ...request, orderId: randomUUID(), amountCents, state: 'new', reason: undefined };
}
