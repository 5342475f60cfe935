import { parseBenchOptions } from './command-line.js';
import { growthOf, isFlat } from './memory-growth.js';
import { OrderCheck, orderOf, ORDER_BYTES } from './order.js';
import { COMPARISONS, messagesOf, RATES, ROWS } from './plan.js';
import { reportOf } from './report.js';
import { runRow } from './run-row.js';
import { median, ratiosOf, spreadOf } from './statistics.js';
import { tableOf } from './table.js';

describe('the statistics of the bench', () => {
  it.each([
    [[3, 1, 2], { min: 1, median: 2, max: 3 }],
    [[4, 1, 3, 2], { min: 1, median: 2.5, max: 4 }],
    [[7], { min: 7, median: 7, max: 7 }],
  ])('tell min, median and max of %j', (values, spread) => expect(spreadOf(values)).toEqual(spread));

  it('say NaN, and not 0, when there is nothing to take a median of', () => expect(median([])).toBeNaN());

  it('compare round by round, so that a slow round of the machine does not count', () => {
    expect(ratiosOf([100, 10], [50, 5])).toEqual({ min: 2, median: 2, max: 2 });
  });
});

describe('the bench', () => {
  it('sends messages of the same size, whatever their number', () => {
    for (const n of [0, 9, 123_456]) expect(JSON.stringify(orderOf(n))).toHaveLength(ORDER_BYTES);
  });

  it('sees a message that is missing, repeated or out of order', () => {
    for (const [order, violations] of [
      [[0, 1, 5_000, 10_000], 0],
      [[0, 10_000], 1],
      [[0, 0], 1],
      [[0, 10_000, 5_000], 2],
    ] as const) {
      const check = new OrderCheck();
      for (const n of order) check.see(orderOf(n));
      expect(check.violations).toBe(violations);
    }
  });

  it('compares rows that exist', () => {
    const ids = new Set(ROWS.map(({ id }) => id));
    const named = [...COMPARISONS.flatMap(({ row, baseline }) => [row, baseline]), ...Object.keys(RATES)];
    expect(named.filter((id) => !ids.has(id))).toEqual([]);
  });

  it.each(['nats', 'nsq', 'rabbitmq'] as const)('compares every row of %s with its client used by hand', (section) => {
    const rows = ROWS.filter((row) => row.section === section);
    const compared = COMPARISONS.filter((comparison) => comparison.section === section);
    expect(compared.flatMap(({ row, baseline }) => [row, baseline]).sort()).toEqual(rows.map(({ id }) => id).sort());
  });

  it('calls memory flat when it moves a little and not when it grows', () => {
    const samples = (growth: number) => Array.from({ length: 40 }, (_, index) => (100 + index * growth) * 1_048_576);
    expect(isFlat(growthOf(samples(0.1)))).toBe(true);
    expect(isFlat(growthOf(samples(2)))).toBe(false);
  });

  it.each([
    ['--only', 'memry'],
    ['--rounds', '0'],
    ['--messages', '1e3'],
  ])('refuses %s %s', (name, value) => expect(() => parseBenchOptions([name, value])).toThrow(value));

  const memoryRows = ROWS.filter(({ section }) => section === 'memory');
  it.each(memoryRows.map((row) => [row.id, row] as const))('runs row %s and prints it', async (_, row) => {
    const { candidate, outstanding } = row;
    const figures = await runRow({ candidate, outstanding, messages: 200, brokers: [], topic: 'bench-smoke' });
    expect(figures.messages).toBe(150);
    expect(figures.notes?.['violations'] ?? 0).toBe(0);
    const report = reportOf(new Map([[row, [figures]]]));
    expect(tableOf(report)).toContain(row.title);
    expect(messagesOf(row, 300)).toBeGreaterThan(0);
  });
});
