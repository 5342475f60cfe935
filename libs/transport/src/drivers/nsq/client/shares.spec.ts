import { shares } from './shares.js';

const sum = (numbers: readonly number[]): number => numbers.reduce((total, each) => total + each, 0);

describe('the messages that may be in flight', () => {
  it('are spread evenly, and never exceed the total', () => {
    expect(shares(10, 2, 0)).toEqual([5, 5]);
    expect(shares(10, 3, 0)).toEqual([4, 3, 3]);
    expect(shares(256, 1, 9)).toEqual([256]);
    expect(shares(5, 0, 0)).toEqual([]);
    for (let max = 1; max < 12; max++) {
      for (let nodes = 1; nodes < 9; nodes++) {
        for (let turn = 0; turn < 20; turn++) expect(sum(shares(max, nodes, turn))).toBe(max);
      }
    }
  });

  it('rotate if they are fewer than the nsqd, so each nsqd is read', () => {
    const seen = new Set<number>();
    for (let turn = 0; turn < 5; turn++) {
      shares(2, 5, turn).forEach((share, index) => share > 0 && seen.add(index));
    }
    expect([...seen].sort()).toEqual([0, 1, 2, 3, 4]);
  });
});
