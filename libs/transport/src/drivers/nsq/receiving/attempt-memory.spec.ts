import { AttemptMemory } from './attempt-memory.js';

const delivered = (attempts: number, id = 'a', nsqd = 'one:4150') => ({ nsqd, id, attempts });

describe('the memory of attempts', () => {
  it("takes nsqd's count where nothing else is known", () => {
    expect(new AttemptMemory().attemptOf(delivered(7))).toBe(7);
  });

  it('counts several tries in one delivery', () => {
    const memory = new AttemptMemory();
    memory.remember(delivered(1), 4); // tried three times here, then given back
    expect(memory.attemptOf(delivered(2))).toBe(4);
    expect(memory.attemptOf(delivered(2))).toBe(2); // said once
  });

  it('does not count a delivery that was given back untried', () => {
    const memory = new AttemptMemory();
    memory.remember(delivered(1), 1);
    expect(memory.attemptOf(delivered(2))).toBe(1);
    memory.remember(delivered(65_535), 65_535);
    expect(memory.attemptOf(delivered(65_535))).toBeGreaterThan(0);
  });

  it('tells the same id at another nsqd from it', () => {
    const memory = new AttemptMemory();
    memory.remember(delivered(1), 4);
    expect(memory.attemptOf(delivered(2, 'a', 'two:4150'))).toBe(2);
  });

  it('forgets the oldest when there are too many', () => {
    const memory = new AttemptMemory();
    for (let n = 0; n <= 10_000; n++) memory.remember(delivered(1, `${n}`), 9);
    expect(memory.attemptOf(delivered(2, '0'))).toBe(2);
    expect(memory.attemptOf(delivered(2, '1'))).toBe(9);
    expect(memory.attemptOf(delivered(2, '10000'))).toBe(9);
  });
});
