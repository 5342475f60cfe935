import type { OutcomeAnnouncer, StockRepository } from './ports.js';
import { decide, type Reservation, type ReservationRequest, type StockItem } from './reservation.js';

/** What can be done with stock. */
export class ReservationUseCase {
  constructor(
    private readonly stock: StockRepository,
    private readonly announcer: OutcomeAnnouncer,
  ) {}

  /**
   * Sets stock aside for an order, once, and announces the outcome, every time.
   *
   * A message comes at least once, so the second time finds the reservation and changes nothing. It announces again all
   * the same: the first time may have died after the commit and before the announcement, and who hears it twice is told
   * the same twice.
   */
  async reserve(request: ReservationRequest): Promise<Reservation> {
    const reservation = await this.stock.reserveOnce(request, decide);
    await this.announcer.announce(reservation);
    return reservation;
  }

  find(sku: string): Promise<StockItem | undefined> {
    return this.stock.find(sku);
  }
}
