import type { Order, OrderState } from './order.js';

/** Where orders are kept. */
export abstract class OrderRepository {
  abstract add(order: Order): Promise<void>;
  abstract find(orderId: string): Promise<Order | undefined>;

  /**
   * Moves the order to a state when it is in one of those that may come before, in one step, so that two callers cannot both win.
   * @returns the order as it is afterwards, moved or not; undefined when there is none
   */
  abstract advance(orderId: string, to: OrderState, reason?: string): Promise<Order | undefined>;
}

/** What is known after an order was announced. */
export type Announcement =
  | { readonly kind: 'stored' }
  | { readonly kind: 'not-stored'; readonly reason: string }
  /** It may be on the broker or not: the connection broke in between. */
  | { readonly kind: 'unknown'; readonly reason: string };

/** Tells the world that an order was placed. Never throws: not being heard is an outcome the order has to live with. */
export abstract class OrderAnnouncer {
  abstract announce(order: Order): Promise<Announcement>;
}
