import { CAPABILITY_MEANINGS, TransportError, type Capabilities, type CapabilityName } from '../contract/index.js';
import { Fifo } from '../shared/index.js';
import { classify, type Classification } from './retry/classification.js';
import { neededCapabilities, resolveConsumingOptions, type ConsumingOptions } from './consuming-options.js';
import { DeadLetter, Drop, RetryAfter } from './runner/outcomes.js';
import { RETRY_DEFAULTS } from './retry/retry-options.js';
import { defaultUnknownTypePolicy } from './runner/routing.js';
import { backoffMs, decide, type Verdict } from './runner/verdict.js';

describe('classification', () => {
  const ours = (code: ConstructorParameters<typeof TransportError>[0]) => new TransportError(code, 'x.');

  it.each<[string, unknown, Classification]>([
    ['RetryAfter', new RetryAfter(1_500), { kind: 'retry-after', delayMs: 1_500 }],
    ['DeadLetter', new DeadLetter('bad address'), { kind: 'permanent' }],
    ['Drop', new Drop('not ours'), { kind: 'drop', reason: 'not ours' }],
    ['a payload that does not decode', ours('TRANSPORT_PAYLOAD_UNDECODABLE'), { kind: 'permanent' }],
    ['a payload that breaks its schema', ours('TRANSPORT_PAYLOAD_INVALID'), { kind: 'permanent' }],
    ['a publish that is too large', ours('TRANSPORT_MESSAGE_TOO_LARGE'), { kind: 'permanent' }],
    ['a publish that failed', ours('TRANSPORT_PUBLISH_FAILED'), { kind: 'retryable' }],
    ['a publish whose outcome is unknown', ours('TRANSPORT_PUBLISH_UNKNOWN'), { kind: 'retryable' }],
    ['an unknown error', new TypeError('x is undefined'), { kind: 'retryable' }],
    ['a thrown text', 'boom', { kind: 'retryable' }],
    ['a thrown nothing', undefined, { kind: 'retryable' }],
  ])('%s', (_, error, expected) => expect(classify(error)).toEqual(expected));

  it('refuses a RetryAfter without a sensible delay', () => {
    expect(() => new RetryAfter(-1)).toThrow('RetryAfter takes milliseconds >= 0, got -1.');
    expect(() => new RetryAfter(NaN)).toThrow('got NaN');
  });
});

describe('verdict', () => {
  const retry = { ...RETRY_DEFAULTS, maxAttempts: 3 };

  it.each<[Classification, number, Verdict]>([
    [{ kind: 'retryable' }, 1, { kind: 'retry', delayMs: 100 }],
    [{ kind: 'retryable' }, 2, { kind: 'retry', delayMs: 200 }],
    [{ kind: 'retryable' }, 3, { kind: 'reject' }],
    [{ kind: 'retryable' }, 4, { kind: 'reject' }],
    [{ kind: 'retry-after', delayMs: 7 }, 2, { kind: 'retry', delayMs: 7 }],
    [{ kind: 'retry-after', delayMs: 7 }, 3, { kind: 'reject' }],
    [{ kind: 'permanent' }, 1, { kind: 'reject' }],
    [{ kind: 'drop', reason: 'r' }, 1, { kind: 'drop', reason: 'r' }],
    [{ kind: 'drop', reason: 'r' }, 3, { kind: 'drop', reason: 'r' }],
  ])('of %j at attempt %i is %j', (classification, attempt, expected) => {
    expect(decide(classification, attempt, retry, 0.5)).toEqual(expected);
  });

  it('doubles the longest wait up to maxDelayMs and jitters all of it', () => {
    const options = { maxAttempts: 99, initialDelayMs: 200, maxDelayMs: 1_000, inProcess: false };
    expect([1, 2, 3, 4, 60].map((attempt) => backoffMs(attempt, options, 0.999999))).toEqual([
      200, 400, 800, 1_000, 1_000,
    ]);
    expect(backoffMs(5, options, 0)).toBe(0);
  });
});

describe('options of a subscription', () => {
  it('are filled in field by field', () => {
    const resolved = resolveConsumingOptions('x', { retry: { maxAttempts: 2 }, concurrency: undefined as never });
    expect(resolved).toMatchObject({
      ordering: 'key',
      concurrency: 16,
      maxInFlight: 256,
      retry: { maxAttempts: 2, initialDelayMs: 200 },
    });
  });

  it.each([
    [
      { concurrency: 300 },
      'TRANSPORT_OPTION_CONFLICT',
      'concurrency (300) must not be above maxInFlight (256, the default)',
    ],
    [
      { retry: { initialDelayMs: 50_000 } },
      'TRANSPORT_OPTION_CONFLICT',
      'initialDelayMs (50000) must not be above maxDelayMs (30000, the default)',
    ],
    [{ retry: { attempts: 3 } }, 'TRANSPORT_OPTION_UNKNOWN', 'has no option "attempts"'],
  ])('that contradict each other are refused: %j', (options, code, text) => {
    const resolve = () => resolveConsumingOptions('@Subscribe("a")', options as never);
    expect(resolve).toThrow(expect.objectContaining({ code, message: expect.stringContaining(text) }));
  });
});

describe('defaults follow the broker', () => {
  const ALL = Object.fromEntries(Object.keys(CAPABILITY_MEANINGS).map((name) => [name, 'native'])) as Capabilities;
  const resolve = (lacking: readonly CapabilityName[], options: ConsumingOptions = {}) => {
    const capabilities = { ...ALL, ...Object.fromEntries(lacking.map((name) => [name, 'unsupported'])) };
    return resolveConsumingOptions('x', options, capabilities);
  };
  const refusedBy = (lacking: readonly CapabilityName[], options: ConsumingOptions) =>
    neededCapabilities(resolve(lacking, options)).filter((name) => lacking.includes(name));

  it('so that what it cannot promise is left out while nobody asks for it', () => {
    expect(resolve(['startFromBeginning']).startFrom).toBe('new');
    expect(resolve(['orderByKey']).ordering).toBe('none');
    expect(resolve(['redelivery', 'deadLetter'])).toMatchObject({ retry: { maxAttempts: 1 }, deadLetterTopic: false });
    const lacking = ['startFromBeginning', 'orderByKey', 'redelivery', 'deadLetter'] as const;
    expect(refusedBy(lacking, {})).toEqual([]);
  });

  it('and what is asked for by name is needed', () => {
    expect(refusedBy(['startFromBeginning'], { startFrom: 'beginning' })).toEqual(['startFromBeginning']);
    expect(refusedBy(['orderByKey'], { ordering: 'key' })).toEqual(['orderByKey']);
    expect(refusedBy(['redelivery'], { retry: { maxAttempts: 3 } })).toEqual(['redelivery']);
    expect(refusedBy(['deadLetter'], { deadLetterTopic: 'lost' })).toEqual(['deadLetter']);
    expect(refusedBy(['everyInstance'], { delivery: 'every-instance' })).toEqual(['everyInstance']);
  });

  it('but retries and dead letters of this process need nothing of the broker', () => {
    const lacking = ['redelivery', 'deadLetter'] as const;
    const options = { retry: { inProcess: true } };
    expect(refusedBy(lacking, options)).toEqual([]);
    expect(resolve(lacking, options).retry.maxAttempts).toBe(5);
    expect(resolve(lacking, options).deadLetterTopic).toBeUndefined();
  });

  it('and an instance that gets every message begins with what comes next', () => {
    expect(resolve([], { delivery: 'every-instance' }).startFrom).toBe('new');
    expect(resolve([], { delivery: 'every-instance', startFrom: 'beginning' }).startFrom).toBe('beginning');
  });
});

describe('unknown types', () => {
  const route = (type?: string) => ({ type, schema: undefined, handle: () => undefined });

  it('are ignored where the topic carries several, else they are dead letters', () => {
    expect(defaultUnknownTypePolicy('order.created', [route('order.created')])).toBe('dead-letter');
    expect(defaultUnknownTypePolicy('orders', [route('order.created')])).toBe('ignore');
    expect(defaultUnknownTypePolicy('orders', [route()])).toBe('dead-letter');
  });
});

describe('a fifo', () => {
  it('gives in order what it was given, over many compactions', () => {
    const fifo = new Fifo<number>();
    const seen: number[] = [];
    for (let number = 0; number < 20_000; number++) {
      fifo.push(number);
      if (number % 3 !== 0) seen.push(fifo.shift() as number);
    }
    while (fifo.size > 0) seen.push(fifo.shift() as number);
    expect(seen).toEqual(Array.from({ length: 20_000 }, (_, index) => index));
    expect(fifo.shift()).toBeUndefined();
  });
});
