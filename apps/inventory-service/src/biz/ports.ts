import type { Decision, Reservation, ReservationRequest, StockItem } from './reservation.js';

/** Where stock and reservations are kept. */
export abstract class StockRepository {
  abstract find(sku: string): Promise<StockItem | undefined>;

  /**
   * The reservation of an order: the one kept, or a new one that `decide` makes. In one transaction, in which nobody else
   * touches the stock of these items, the decision is kept and the stock moved.
   */
  abstract reserveOnce(
    request: ReservationRequest,
    decide: (request: ReservationRequest, stock: readonly StockItem[]) => Decision,
  ): Promise<Reservation>;
}

/** Tells the world what became of a reservation. */
export abstract class OutcomeAnnouncer {
  /** @throws when the broker did not confirm: the message it is about is then not done, and comes again */
  abstract announce(reservation: Reservation): Promise<void>;
}
