import type { TransportError } from '../contract/index.js';
import { checkOptions, nearestName, option, withDefaults } from './index.js';

const thrownBy = (action: () => unknown): unknown => {
  try {
    action();
  } catch (error) {
    return error;
  }
  return undefined;
};

describe('options', () => {
  const rules = {
    concurrency: option.integer(1),
    acks: option.oneOf('all', 'leader'),
    brokers: option.texts,
    password: option.text,
  };

  it.each([
    [{ concurency: 4 }, 'TRANSPORT_OPTION_UNKNOWN', 'kafka() has no option "concurency". Did you mean "concurrency"?'],
    [{ zzzzzzzz: 4 }, 'TRANSPORT_OPTION_UNKNOWN', 'Known are concurrency, acks, brokers, password.'],
    [{ toString: 4 }, 'TRANSPORT_OPTION_UNKNOWN', 'no option "toString"'],
    [{ concurrency: '4' }, 'TRANSPORT_OPTION_INVALID', 'concurrency must be an integer >= 1, got "4" (string).'],
    [{ concurrency: 0 }, 'TRANSPORT_OPTION_INVALID', 'got 0 (number)'],
    [{ concurrency: NaN }, 'TRANSPORT_OPTION_INVALID', 'got NaN (number)'],
    [{ acks: 'most' }, 'TRANSPORT_OPTION_INVALID', 'acks must be one of "all", "leader"'],
    [{ brokers: [] }, 'TRANSPORT_OPTION_INVALID', 'an array of texts, at least one, got an array of 0'],
    [{ brokers: ['a:1', ''] }, 'TRANSPORT_OPTION_INVALID', 'at least one, got an empty text as entry 2 of 2'],
    [{ brokers: ['a:1', 5] }, 'TRANSPORT_OPTION_INVALID', 'at least one, got 5 (number) as entry 2 of 2'],
    [null, 'TRANSPORT_OPTION_INVALID', 'takes an object of options, got null'],
  ])('refuse %j, say what was seen and what to do', (options, code, text) => {
    const error = thrownBy(() => checkOptions('kafka()', options, rules)) as TransportError;
    expect(error.code).toBe(code);
    expect(error.message).toContain(text);
  });

  it.each([
    [{ brokers: 'kafka://user:hunter2@host:9092' }, 'at least one, got a value of type string.'],
    [{ password: 12345 }, 'not empty, got a value of type number.'],
  ])('never show a value that may hold a secret: %#', (options, text) => {
    const error = thrownBy(() => checkOptions('kafka()', options, rules)) as TransportError;
    expect(error.message).toContain(text);
    expect(error.message).not.toMatch(/hunter2|12345/);
  });

  it('never show what is inside an object, which may be a secret', () => {
    const error = thrownBy(() => checkOptions('kafka()', { password: { value: 'hunter2' } }, rules)) as TransportError;
    expect(error.message).not.toContain('hunter2');
  });

  it('take undefined for absent, field by field', () => {
    expect(() => checkOptions('kafka()', { concurrency: undefined }, rules)).not.toThrow();
    expect(
      withDefaults<{ a?: number | undefined; b?: number }, { a: number; b: number }>(
        { a: undefined, b: 2 },
        { a: 1, b: 1 },
      ),
    ).toEqual({ a: 1, b: 2 });
  });

  it('name the nearest known name only when it is near', () => {
    expect(nearestName('maxinflight', ['maxInFlight', 'retry'])).toBe('maxInFlight');
    expect(nearestName('prefetch', ['maxInFlight', 'retry'])).toBeUndefined();
  });
});
