/** The message of every row: 200 bytes of JSON with one of 5,000 keys. */
export interface Order {
  readonly orderId: string;
  /** Counts from `FIRST` on, over all keys; of fixed width, so that every message has the same size. */
  readonly n: number;
  readonly userId: string;
  readonly items: readonly { readonly sku: string; readonly quantity: number }[];
  readonly note: string;
}

export const ORDER_BYTES = 200;
export const KEYS = 5_000;
const FIRST = 10_000_000;

const ORDER_IDS = Array.from({ length: KEYS }, (_, index) => `order-${String(index).padStart(4, '0')}`);
const orderWith = (n: number, note: string): Order => ({
  orderId: ORDER_IDS[n % KEYS] as string,
  n: FIRST + n,
  userId: 'user-4711',
  items: [
    { sku: 'sku-0815', quantity: 2 },
    { sku: 'sku-0042', quantity: 1 },
  ],
  note,
});
const NOTE = '.'.repeat(ORDER_BYTES - JSON.stringify(orderWith(0, '')).length);

/** The `n`th message of a run, from 0 on. */
export const orderOf = (n: number): Order => orderWith(n, NOTE);

/** Sees a message that is missing, came twice, or came before its predecessor of the same key. */
export class OrderCheck {
  readonly #next = Float64Array.from({ length: KEYS }, (_, index) => FIRST + index);
  violations = 0;

  see({ n }: Order): void {
    const key = (n - FIRST) % KEYS;
    if (n !== this.#next[key]) this.violations++;
    this.#next[key] = n + KEYS;
  }
}
