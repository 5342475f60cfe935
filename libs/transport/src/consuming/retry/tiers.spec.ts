import { CAPABILITY_MEANINGS, isTransportError, type Capabilities } from '../../contract/index.js';
import { neededCapabilities, resolveConsumingOptions, type ConsumingOptions } from '../consuming-options.js';
import { RETRY_DEFAULTS, type ResolvedRetryOptions, type RetryOptions } from './retry-options.js';
import { attemptInTier, attemptsInAll, waitAfterTier } from './tiers.js';
import { backoffMs, decide } from '../runner/verdict.js';

const THREE: ResolvedRetryOptions = { ...RETRY_DEFAULTS, maxAttempts: 3, redeliveryDelaysMs: [60_000, 600_000] };
const ATTEMPTS = [1, 2, 3, 4, 5, 6, 7, 8, 9, 10];

describe('tiers of attempts', () => {
  test('follow from the number of the attempt alone', () => {
    expect(attemptsInAll(THREE)).toBe(9);
    expect(ATTEMPTS.map((attempt) => attemptInTier(attempt, THREE))).toEqual([1, 2, 3, 1, 2, 3, 1, 2, 3, 1]);
    const waits = ATTEMPTS.map((attempt) => waitAfterTier(attempt, THREE) ?? 0);
    expect(waits).toEqual([0, 0, 60_000, 0, 0, 600_000, 0, 0, 0, 0]);
  });

  test('of one attempt each have a long wait after every attempt but the last', () => {
    const tiers = { maxAttempts: 1, redeliveryDelaysMs: [10, 20] };
    expect(attemptsInAll(tiers)).toBe(3);
    expect([1, 2, 3, 4].map((attempt) => waitAfterTier(attempt, tiers) ?? 0)).toEqual([10, 20, 0, 0]);
  });

  test.each([undefined, []])('are one without redeliveryDelaysMs, as with %j', (redeliveryDelaysMs) => {
    const tiers = { maxAttempts: 5, redeliveryDelaysMs };
    expect(attemptsInAll(tiers)).toBe(5);
    expect(ATTEMPTS.map((attempt) => waitAfterTier(attempt, tiers))).toEqual(ATTEMPTS.map(() => undefined));
  });
});

describe('the verdict over tiers', () => {
  const delaysOf = (retry: ResolvedRetryOptions, askedForMs?: number) =>
    ATTEMPTS.map((attempt) => {
      const classification =
        askedForMs === undefined
          ? ({ kind: 'retryable' } as const)
          : ({ kind: 'retry-after', delayMs: askedForMs } as const);
      const verdict = decide(classification, attempt, retry, 0.5);
      return verdict.kind === 'retry' ? verdict.delayMs : verdict.kind;
    });

  test('is quick within a tier, waits at its end, and gives up after the last', () => {
    expect(delaysOf(THREE)).toEqual([100, 200, 60_000, 100, 200, 600_000, 100, 200, 'reject', 'reject']);
  });

  test('begins the backoff anew with each tier', () => {
    expect([1, 2, 3, 4, 5, 7].map((attempt) => backoffMs(attempt, THREE, 1))).toEqual([200, 400, 800, 200, 400, 200]);
  });

  test('takes the longer wait at the end of a tier when an error asks for one', () => {
    expect(delaysOf(THREE, 7)).toEqual([7, 7, 60_000, 7, 7, 600_000, 7, 7, 'reject', 'reject']);
    expect(delaysOf(THREE, 100_000).slice(0, 6)).toEqual([100_000, 100_000, 100_000, 100_000, 100_000, 600_000]);
  });

  test('keeps one deadline over all tiers', () => {
    const retry = { ...THREE, deadlineMs: 700_000 };
    expect(decide({ kind: 'retryable' }, 6, retry, 0.5, 100_000)).toEqual({ kind: 'retry', delayMs: 600_000 });
    expect(decide({ kind: 'retryable' }, 6, retry, 0.5, 100_001)).toEqual({ kind: 'reject' });
  });
});

describe('the option redeliveryDelaysMs', () => {
  const refusal = (retry: object, more: ConsumingOptions = { ordering: 'none' }): [string, string] => {
    try {
      resolveConsumingOptions('@Subscribe("a")', { ...more, retry });
    } catch (error) {
      if (isTransportError(error)) return [error.code, error.message];
    }
    throw new Error('it was accepted');
  };
  const INVALID = 'TRANSPORT_OPTION_INVALID';
  const CONFLICT = 'TRANSPORT_OPTION_CONFLICT';

  test.each([
    [
      60_000,
      'redeliveryDelaysMs must be an array of waits in milliseconds, such as [60_000, 600_000], got a value of type number',
    ],
    [['60s'], 'redeliveryDelaysMs must be an array of waits in milliseconds'],
    [[1, , 2], 'redeliveryDelaysMs must be an array of waits in milliseconds'],
    [[undefined], 'redeliveryDelaysMs must be an array of waits in milliseconds'],
    [[1_000, 0], 'redeliveryDelaysMs[1] must be an integer from 1 to 2147483647, got 0 (number)'],
    [[-1], 'redeliveryDelaysMs[0] must be an integer from 1 to 2147483647, got -1 (number)'],
    [[1.5], 'redeliveryDelaysMs[0] must be an integer from 1 to 2147483647, got 1.5 (number)'],
    [[Number.NaN], 'redeliveryDelaysMs[0] must be an integer from 1 to 2147483647, got NaN (number)'],
    [
      [Number.POSITIVE_INFINITY],
      'redeliveryDelaysMs[0] must be an integer from 1 to 2147483647, got Infinity (number)',
    ],
    [[2 ** 31], 'redeliveryDelaysMs[0] must be an integer from 1 to 2147483647, got 2147483648 (number)'],
  ])('is refused as %j, by the entry that is wrong', (redeliveryDelaysMs, text) => {
    expect(refusal({ redeliveryDelaysMs })).toEqual([
      INVALID,
      expect.stringContaining(`@Subscribe("a") retry: ${text}`),
    ]);
  });

  test('is found by its nearest name', () => {
    expect(refusal({ redeliveryDelayMs: [1] })[1]).toContain(
      'has no option "redeliveryDelayMs". Did you mean "redeliveryDelaysMs"?',
    );
  });

  test.each([
    [{}, { ordering: 'key' }, "ordering: 'key' does not allow it. Write ordering: 'none'"],
    [{}, { ordering: 'partition' }, "ordering: 'partition' does not allow it"],
    [{}, {}, "ordering: 'key' does not allow it"],
    [{ inProcess: true }, { ordering: 'none' }, 'inProcess: true keeps them in this process'],
    [{ deadlineMs: 89 }, { ordering: 'none' }, 'redeliveryDelaysMs (90 ms together) do not fit into deadlineMs (89)'],
  ] as const)('is refused together with %j and %j', (retry, more, text) => {
    expect(refusal({ redeliveryDelaysMs: [30, 60], ...retry }, more)).toEqual([
      CONFLICT,
      expect.stringContaining(text),
    ]);
  });

  const ALL = Object.fromEntries(Object.keys(CAPABILITY_MEANINGS).map((name) => [name, 'native'])) as Capabilities;
  const needs = (retry: RetryOptions) =>
    neededCapabilities(resolveConsumingOptions('x', { ordering: 'none', retry }, ALL));

  test('needs a broker that keeps what waits long, also where a tier has one attempt', () => {
    const both = ['delayedRedelivery', 'redelivery'];
    expect(needs({ maxAttempts: 1, redeliveryDelaysMs: [60_000] })).toEqual(expect.arrayContaining(both));
    expect(needs({ maxAttempts: 3, redeliveryDelaysMs: [] })).not.toContain('delayedRedelivery');
    expect(needs({ maxAttempts: 1, redeliveryDelaysMs: [] })).not.toContain('redelivery');
  });
});
