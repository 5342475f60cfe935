import { descentOf, FOOT, LONGEST_WAIT_MS, REST_HEADERS, bindingArguments, type Rung } from './ladder.js';

/** Routes a message as RabbitMQ does, by the bindings of each exchange. @param gone a queue that was deleted */
function restsOn(waitMs: number, gone?: string): number[] | string {
  const { rungs, exchange, headers } = descentOf(waitMs);
  const matches = (rung: Rung, rests: 'yes' | 'no') =>
    headers[rung.header] === bindingArguments(rung, rests)[rung.header];
  const rests: number[] = [];
  for (let at = exchange; at !== FOOT;) {
    const rung = rungs.find(({ name }) => name === at) as Rung;
    const isKept = matches(rung, 'yes') && rung.name !== gone;
    if (!isKept && !matches(rung, 'no')) return `stays above ${at}`;
    if (isKept) rests.push(rung.restMs);
    at = rung.below;
  }
  return rests;
}

const sum = (numbers: number[] | string): number =>
  Array.isArray(numbers) ? numbers.reduce((total, each) => total + each, 0) : Number.NaN;

describe('the ladder of delayed messages', () => {
  it.each([
    [1, [100]],
    [100, [100]],
    [101, [200]],
    [1_300, [800, 400, 100]],
    [LONGEST_WAIT_MS, Array.from({ length: 29 }, (_, level) => 100 * 2 ** (28 - level))],
  ])('delays a message of %i ms by %j', (waitMs, rests) => {
    expect(restsOn(waitMs)).toEqual(rests);
  });

  it('takes the requested delay or up to 100 ms more, and never less', () => {
    for (let waitMs = 1; waitMs <= LONGEST_WAIT_MS; waitMs = Math.ceil(waitMs * 1.37)) {
      const takesMs = sum(restsOn(waitMs));
      expect(takesMs).toBeGreaterThanOrEqual(waitMs);
      expect(takesMs).toBeLessThan(waitMs + 100);
    }
  });

  it('keeps a message above a deleted queue, and never delivers it early', () => {
    expect(restsOn(1_300, 'delayed:400')).toBe('stays above delayed:400');
    expect(restsOn(1_300, 'delayed:200')).toEqual([800, 400, 100]);
  });

  it('needs no rung above the first that a message waits on', () => {
    expect(descentOf(1_300).rungs.map(({ name }) => name)).toEqual([
      'delayed:100',
      'delayed:200',
      'delayed:400',
      'delayed:800',
    ]);
  });

  it('has headers that a headers exchange evaluates', () => {
    expect(REST_HEADERS.filter((name) => name.startsWith('x-'))).toEqual([]);
  });

  it('supports delays of more than a year', () => {
    expect(LONGEST_WAIT_MS / 86_400_000).toBeGreaterThan(366);
  });
});
