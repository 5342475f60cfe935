import { actionAt, keptForMs } from './deadlines.js';

const facts = { version: '1', maxRdyCount: 2_500, messageTimeoutMs: 30_000, maxMessageTimeoutMs: 900_000 };

describe('what is done about a message at work', () => {
  it.each([
    [0, 'nothing'],
    [9_999, 'nothing'],
    [10_000, 'touch'],
    [898_999, 'touch'],
    [899_000, 'give back'],
    [2_000_000, 'give back'],
  ])('after %i ms: %s', (ageMs, action) => expect(actionAt(ageMs, facts)).toBe(action));

  it('leaves a margin before the last moment that grows with it, up to a second', () => {
    expect(keptForMs(900_000)).toBe(899_000);
    expect(keptForMs(3_000)).toBe(2_700);
  });
});
