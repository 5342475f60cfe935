import { OutcomeAnnouncer, StockRepository } from './ports.js';
import { decide, sumBySku, type Reservation, type ReservationRequest, type StockItem } from './reservation.js';
import { ReservationUseCase } from './reservation-use-case.js';

const stock = (sku: string, available: number): StockItem => ({ sku, available, reserved: 0 });
const wish = (...items: [sku: string, quantity: number][]): ReservationRequest => ({
  orderId: 'o-1',
  items: items.map(([sku, quantity]) => ({ sku, quantity })),
});

describe('decide', () => {
  test.each<[string, ReservationRequest, StockItem[], ReturnType<typeof decide>]>([
    ['reserves what is there', wish(['lamp', 2]), [stock('lamp', 2)], { outcome: 'reserved' }],
    [
      'rejects what is not there',
      wish(['lamp', 3]),
      [stock('lamp', 2)],
      { outcome: 'rejected', reason: '3 x "lamp" wanted, 2 left' },
    ],
    [
      'rejects the whole order for one item',
      wish(['desk', 1], ['lamp', 1]),
      [stock('desk', 9), stock('lamp', 0)],
      { outcome: 'rejected', reason: '1 x "lamp" wanted, 0 left' },
    ],
    [
      'adds up a sku that stands on two lines',
      wish(['lamp', 2], ['lamp', 2]),
      [stock('lamp', 3)],
      { outcome: 'rejected', reason: '4 x "lamp" wanted, 3 left' },
    ],
    ['rejects what is not sold', wish(['moon', 1]), [], { outcome: 'rejected', reason: '"moon" is not sold here' }],
  ])('%s', (_promise, request, levels, decision) => {
    expect(decide(request, levels)).toEqual(decision);
  });

  test('takes stock in the order of the names, whatever the order of the lines', () => {
    expect(sumBySku(wish(['b', 1], ['a', 1], ['b', 1]).items)).toEqual([
      { sku: 'a', quantity: 1 },
      { sku: 'b', quantity: 2 },
    ]);
  });
});

describe('reserving', () => {
  class Stock extends StockRepository {
    decisions = 0;
    #kept: Reservation | undefined;

    async find(): Promise<undefined> {}

    async reserveOnce(request: ReservationRequest, decideNow: typeof decide): Promise<Reservation> {
      if (this.#kept !== undefined) return this.#kept;
      this.decisions += 1;
      return (this.#kept = { ...request, ...decideNow(request, [stock('lamp', 1)]) });
    }
  }

  class Announcer extends OutcomeAnnouncer {
    readonly announced: Reservation[] = [];
    failures = 0;

    async announce(reservation: Reservation): Promise<void> {
      if (this.failures-- > 0) throw new Error('no broker');
      this.announced.push(reservation);
    }
  }

  test('decides once and announces every time, always the same', async () => {
    const [repository, announcer] = [new Stock(), new Announcer()];
    const useCase = new ReservationUseCase(repository, announcer);
    await useCase.reserve(wish(['lamp', 1]));
    await useCase.reserve(wish(['lamp', 1]));
    expect(repository.decisions).toBe(1);
    expect(announcer.announced.map(({ outcome }) => outcome)).toEqual(['reserved', 'reserved']);
  });

  test('announces on the second delivery what the first could not', async () => {
    const [repository, announcer] = [new Stock(), new Announcer()];
    const useCase = new ReservationUseCase(repository, announcer);
    announcer.failures = 1;
    await expect(useCase.reserve(wish(['lamp', 1]))).rejects.toThrow('no broker');
    await useCase.reserve(wish(['lamp', 1]));
    expect(repository.decisions).toBe(1);
    expect(announcer.announced).toHaveLength(1);
  });
});
