import { delayQueueOf, isLongerThanAnyStep, stepOf } from './delays.js';

const DAY_MS = 86_400_000;
const LONGEST_MS = 100 * 2 ** 24;

describe('delays on RabbitMQ', () => {
  it.each([
    [1, 100],
    [100, 100],
    [101, 200],
    [30_000, 51_200],
    [LONGEST_MS, LONGEST_MS],
    [LONGEST_MS + 1, LONGEST_MS],
  ])('of %i ms wait in the queue of %i ms, never in a shorter one', (delayMs, stepMs) => {
    expect(stepOf(delayMs)).toBe(stepMs);
    expect(isLongerThanAnyStep(delayMs)).toBe(delayMs > LONGEST_MS);
  });

  it('need few queues: everything up to the default of 30 s has ten', () => {
    expect(new Set(Array.from({ length: 30_000 }, (_, ms) => stepOf(ms + 1))).size).toBe(10);
  });

  it('lose no queue that may still hold a message, however late in its day it was used', () => {
    for (const lives of ['long', 'short'] as const) {
      const madeAt = DAY_MS * 20_000;
      const queue = delayQueueOf('g:t', LONGEST_MS, madeAt, lives);
      let lastUse = madeAt;
      while (delayQueueOf('g:t', LONGEST_MS, lastUse + 60_000, lives).name === queue.name) lastUse += 60_000;
      const emptyAt = lastUse + 60_000 + queue.ttlMs;
      expect(queue.expiresMs).toBeGreaterThan(emptyAt - madeAt);
      expect(queue.expiresMs).toBeLessThan(2 ** 32);
    }
  });

  it('have one queue per group, length and day', () => {
    const at = DAY_MS * 20_000;
    expect(delayQueueOf('g:t', 200, at, 'long').name).toBe('g:t:retry-200-20000');
    expect(delayQueueOf('g:t', 200, at + DAY_MS, 'long').name).toBe('g:t:retry-200-20001');
    expect(Buffer.byteLength(delayQueueOf('', LONGEST_MS, at, 'short').name)).toBeLessThanOrEqual(32);
  });
});
