import { newOrder, type Order, type OrderRequest } from './order.js';
import type { Announcement, OrderAnnouncer, OrderRepository } from './ports.js';

export type StockOutcome =
  | { readonly orderId: string; readonly kind: 'reserved' }
  | { readonly orderId: string; readonly kind: 'rejected'; readonly reason: string };

/** `contradicted`: the order had already ended in another way. */
export type OutcomeResult = 'applied' | 'unknown-order' | 'contradicted';

/** What can be done with orders. */
export class OrderUseCase {
  constructor(
    private readonly orders: OrderRepository,
    private readonly announcer: OrderAnnouncer,
  ) {}

  /**
   * Saves the order, then announces it.
   *
   * These are two systems, and no transaction spans them. If the process dies in between, the order stays `new`: saved
   * and announced by nobody. It does not lie about that, but nobody picks it up either; the outbox, which stores the
   * announcement in the order's own transaction, comes with a later issue.
   */
  async place(request: OrderRequest): Promise<Order> {
    const order = newOrder(request);
    await this.orders.add(order);
    const announcement = await this.announcer.announce(order);
    return (await this.#afterAnnouncement(order, announcement)) ?? order;
  }

  find(orderId: string): Promise<Order | undefined> {
    return this.orders.find(orderId);
  }

  /** Applies what the inventory decided; the same outcome again changes nothing. */
  async applyOutcome(outcome: StockOutcome): Promise<OutcomeResult> {
    const reason = outcome.kind === 'rejected' ? outcome.reason : undefined;
    const order = await this.orders.advance(outcome.orderId, outcome.kind, reason);
    if (order === undefined) return 'unknown-order';
    return order.state === outcome.kind ? 'applied' : 'contradicted';
  }

  // The outcome can be faster than we are: then the order is already further, and advance leaves it there.
  #afterAnnouncement(order: Order, announcement: Announcement): Promise<Order | undefined> {
    switch (announcement.kind) {
      case 'stored':
        return this.orders.advance(order.orderId, 'placed');
      case 'not-stored':
        return this.orders.advance(order.orderId, 'failed', announcement.reason);
      case 'unknown':
        return this.orders.find(order.orderId);
    }
  }
}
