import { deliveryTime } from './delivery-time.js';

const now = () => 1_000;

describe('the time of a delivery', () => {
  test.each([
    [undefined, undefined],
    [{ deliverAfterMs: 0 }, 1_000],
    [{ deliverAfterMs: 250 }, 1_250],
    [{ deliverAt: new Date(5_000) }, 5_000],
    [{ deliverAt: new Date(0) }, 0],
  ])('of %j is %p', (options, expected) => {
    expect(deliveryTime('orders', options, now)).toBe(expected);
  });

  test.each([
    [{ deliverAfterMs: -1 }, 'TRANSPORT_OPTION_INVALID', 'deliverAfterMs must be an integer >= 0, got -1'],
    [{ deliverAfterMs: 1.5 }, 'TRANSPORT_OPTION_INVALID', 'got 1.5'],
    [{ deliverAt: new Date(Number.NaN) }, 'TRANSPORT_OPTION_INVALID', 'deliverAt must be a valid Date'],
    [{ deliverAt: '2026-01-01' as never }, 'TRANSPORT_OPTION_INVALID', 'got 2026-01-01'],
    [{ deliverAt: new Date(0), deliverAfterMs: 1 }, 'TRANSPORT_OPTION_CONFLICT', 'set only one of them'],
  ])('is rejected for %j', (options, code, words) => {
    const refuse = (): unknown => deliveryTime('orders', options, now);
    expect(refuse).toThrow(expect.objectContaining({ code, stored: 'no', message: expect.stringContaining(words) }));
  });
});
