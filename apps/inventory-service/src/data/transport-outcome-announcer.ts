import { StockRejected, StockReserved } from '@demo/contracts';
import { Injectable } from '@nestjs/common';
import { InjectPublisher, type Publisher } from 'nest-transport';
import { OutcomeAnnouncer } from '../biz/ports.js';
import type { Reservation } from '../biz/reservation.js';

/** Announces reservations as `stock.reserved` and `stock.rejected`, on whichever broker the application was given. */
@Injectable()
export class TransportOutcomeAnnouncer extends OutcomeAnnouncer {
  constructor(@InjectPublisher() private readonly publisher: Publisher) {
    super();
  }

  async announce(reservation: Reservation): Promise<void> {
    const { orderId } = reservation;
    if (reservation.outcome === 'reserved') {
      const items = reservation.items.map(({ sku, quantity }) => ({ sku, quantity }));
      await this.publisher.publish(StockReserved, { orderId, items });
    } else {
      await this.publisher.publish(StockRejected, { orderId, reason: reservation.reason });
    }
  }
}
