import { OrderCreated, type OrderCreatedData } from '@demo/contracts';
import { Injectable } from '@nestjs/common';
import { InjectPublisher, isTransportError, type Publisher } from 'nest-transport';
import type { Order } from '../biz/order.js';
import { OrderAnnouncer, type Announcement } from '../biz/ports.js';

/** Announces orders as `order.created`, on whichever broker the application was given. */
@Injectable()
export class TransportOrderAnnouncer extends OrderAnnouncer {
  constructor(@InjectPublisher() private readonly publisher: Publisher) {
    super();
  }

  async announce(order: Order): Promise<Announcement> {
    try {
      await this.publisher.publish(OrderCreated, toEvent(order));
      return { kind: 'stored' };
    } catch (error) {
      return {
        kind: mayBeStored(error) ? 'unknown' : 'not-stored',
        reason: error instanceof Error ? error.message : String(error),
      };
    }
  }
}

// Errors from before the sending (a payload that does not fit, a broker never reached) carry no `stored`: nothing left
// the house. Of an error that is not the library's nothing is known.
const mayBeStored = (error: unknown): boolean => !isTransportError(error) || error.stored === 'unknown';

const toEvent = ({ orderId, userId, items, amountCents }: Order): OrderCreatedData => ({
  orderId,
  userId,
  items: items.map(({ sku, quantity }) => ({ sku, quantity })),
  amountCents,
});
