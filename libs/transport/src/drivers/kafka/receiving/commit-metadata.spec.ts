import { decodeCommitState, encodeCommitState, NOTHING_KNOWN, type CommitState } from './commit-metadata.js';

const state = (more: Partial<CommitState>): CommitState => ({ ...NOTHING_KNOWN, ...more });

describe('the metadata of a commit', () => {
  it('comes back as it was', () => {
    const full = state({
      partitions: 6,
      openings: 2,
      attempts: new Map([
        [100, 3],
        [140, 2],
      ]),
      done: [
        [101, 109],
        [120, 120],
        [1_000_000, 1_000_001],
      ],
    });
    const back = decodeCommitState(100, encodeCommitState(100, full));
    expect({ ...back, attempts: new Map([...back.attempts].sort(([a], [b]) => a - b)) }).toEqual(full);
  });

  it('has the documented format', () => {
    const text = encodeCommitState(
      100,
      state({
        partitions: 6,
        openings: 2,
        attempts: new Map([[100, 3]]),
        done: [
          [101, 109],
          [120, 120],
        ],
      }),
    );
    expect(text).toBe('nt1;p=6;u=2;a=0:3;d=1-8,b');
  });

  it('is empty when nothing is known', () => {
    expect(encodeCommitState(5, NOTHING_KNOWN)).toBe('');
    expect(decodeCommitState(5, '')).toEqual(NOTHING_KNOWN);
  });

  it.each([
    null,
    undefined,
    'checkpoint-7',
    'nt2;d=1',
    'nt1',
    'nt1;d=',
    'nt1;d=-1',
    'nt1;a=x',
    'nt1;d=1-2-3,é',
    '{"nt1":1}',
  ])('of another program, or damaged, is ignored: %j', (text) => {
    expect(decodeCommitState(5, text)).toMatchObject({
      done: expect.not.arrayContaining([expect.arrayContaining([Number.NaN])]),
    });
    expect(decodeCommitState(5, text).attempts.size).toBe(0);
  });

  it('never has more bytes than Kafka allows, and keeps the newest attempts and the lowest runs', () => {
    const attempts = new Map(Array.from({ length: 3_000 }, (_, index) => [index * 7, 2]));
    const done = Array.from({ length: 3_000 }, (_, index): [number, number] => [index * 10 + 1, index * 10 + 4]);
    const text = encodeCommitState(0, state({ partitions: 12, attempts, done }));
    expect(text.length).toBeLessThanOrEqual(4_096);
    expect(text.length).toBeGreaterThan(3_900);
    const back = decodeCommitState(0, text);
    expect(back.partitions).toBe(12);
    expect(back.attempts.get(2_999 * 7)).toBe(2);
    expect(back.attempts.has(0)).toBe(false);
    expect(back.done.slice(0, 2)).toEqual([
      [1, 4],
      [11, 14],
    ]);
    expect(back.done.length).toBeGreaterThan(500);
  });

  it('leaves out attempts of messages below the commit', () => {
    expect(encodeCommitState(10, state({ attempts: new Map([[9, 2]]) }))).toBe('');
  });
});
