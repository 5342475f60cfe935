import { actionAt, keptForMs } from './deadlines.js';

const facts = { version: '1', maxRdyCount: 2_500, messageTimeoutMs: 30_000, maxMessageTimeoutMs: 900_000 };

describe('the deadline of a message in flight', () => {
  it.each([
    [0, 'nothing'],
    [9_999, 'nothing'],
    [10_000, 'touch'],
    [898_999, 'touch'],
    [899_000, 'return'],
    [2_000_000, 'return'],
  ])('after %i ms: %s', (ageMs, action) => expect(actionAt(ageMs, facts)).toBe(action));

  it('has a margin that grows with the timeout, up to a second', () => {
    expect(keptForMs(900_000)).toBe(899_000);
    expect(keptForMs(3_000)).toBe(2_700);
  });
});
