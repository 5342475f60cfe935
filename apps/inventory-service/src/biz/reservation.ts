export interface StockItem {
  readonly sku: string;
  /** What can still be ordered. */
  readonly available: number;
  /** What is set aside for orders. */
  readonly reserved: number;
}

export interface ReservationItem {
  readonly sku: string;
  readonly quantity: number;
}

/** The wish to set stock aside for an order. */
export interface ReservationRequest {
  readonly orderId: string;
  readonly items: readonly ReservationItem[];
}

export type Decision =
  | { readonly outcome: 'reserved'; readonly reason?: undefined }
  | { readonly outcome: 'rejected'; readonly reason: string };

/** What became of a request; decided once and kept, so that it is the same however often it is asked for. */
export type Reservation = ReservationRequest & Decision;

/** All or nothing: an order is filled whole, or nothing is set aside for it. */
export function decide(request: ReservationRequest, stock: readonly StockItem[]): Decision {
  const available = new Map(stock.map((item) => [item.sku, item.available]));
  const shortages = sumBySku(request.items).flatMap(({ sku, quantity }) => shortage(sku, quantity, available.get(sku)));
  return shortages.length === 0 ? { outcome: 'reserved' } : { outcome: 'rejected', reason: shortages.join('; ') };
}

function shortage(sku: string, wanted: number, available: number | undefined): string[] {
  if (available === undefined) return [`"${sku}" is not sold here`];
  return wanted > available ? [`${wanted} x "${sku}" wanted, ${available} left`] : [];
}

/**
 * One line per sku, in the order of their names. A sku that stands on two lines needs stock for both together, and
 * orders that take their stock in the same order never wait for each other in a circle.
 */
export function sumBySku(items: readonly ReservationItem[]): ReservationItem[] {
  const sums = new Map<string, number>();
  for (const { sku, quantity } of items) sums.set(sku, (sums.get(sku) ?? 0) + quantity);
  return [...sums].map(([sku, quantity]) => ({ sku, quantity })).sort((a, b) => (a.sku < b.sku ? -1 : 1));
}
