import { defineEvent, isTransportError } from '../../contract/index.js';
import type { SubscribeOptions } from '../decorators/subscribe-options.js';
import { planSubscriptions, type HandlerRegistration, type PlanDefaults } from './subscription-plan.js';

const defaults: PlanDefaults = {
  service: 'inventory',
  brokerNames: ['main', 'audit'],
  defaultBroker: 'main',
  subscriptions: { concurrency: 4, retry: { maxAttempts: 3 } },
};
const Paid = defineEvent<{ id: string }>('paid', { topic: 'orders', key: ({ id }) => id });
const Sent = defineEvent<object>('sent', { topic: 'orders' });

function handler(event: typeof Paid | typeof Sent | string, where: string, options: SubscribeOptions = {}) {
  const handle = (): void => undefined;
  return typeof event === 'string'
    ? ({ pattern: event, topic: event, event: undefined, options, where, handle } satisfies HandlerRegistration)
    : ({
        pattern: event.type,
        topic: event.topic,
        event: event as never,
        options,
        where,
        handle,
      } as HandlerRegistration);
}

const plan = (...handlers: HandlerRegistration[]) => planSubscriptions(handlers, defaults);

test('a handler becomes a subscription of the default broker in the group of the service, with the module’s options', () => {
  const paid = handler(Paid, 'A.paid');
  expect([...plan(paid)]).toEqual([
    [
      'main',
      [
        {
          topic: 'orders',
          group: 'inventory',
          where: '@Subscribe("paid") in A.paid',
          options: { concurrency: 4, retry: { maxAttempts: 3 } },
          routes: [{ type: 'paid', schema: undefined, keyed: true, handle: paid.handle }],
        },
      ],
    ],
  ]);
});

test('handlers of one broker, topic and group share a subscription; another broker or group is another', () => {
  const plans = plan(
    handler(Paid, 'A.paid'),
    handler(Sent, 'A.sent'),
    handler(Paid, 'A.audit', { group: 'audit' }),
    handler(Paid, 'A.archive', { broker: 'audit' }),
  );
  const shape = [...plans].map(([broker, subscriptions]) => [
    broker,
    subscriptions.map(({ group, routes }) => [group, routes.map(({ type }) => type)]),
  ]);
  expect(shape).toEqual([
    [
      'main',
      [
        ['inventory', ['paid', 'sent']],
        ['audit', ['paid']],
      ],
    ],
    ['audit', [['inventory', ['paid']]]],
  ]);
});

test('an option of one sharing handler applies to both, field by field, and undefined counts as not set', () => {
  const [subscription] =
    plan(
      handler(Paid, 'A.paid', { concurrency: 8, retry: { initialDelayMs: 5 } }),
      handler(Sent, 'A.sent', { ordering: undefined as never, retry: { maxDelayMs: 50 } }),
    ).get('main') ?? [];
  expect(subscription?.options).toEqual({
    concurrency: 8,
    retry: { maxAttempts: 3, initialDelayMs: 5, maxDelayMs: 50 },
  });
});

test('a handler of the topic’s name takes what the typed handlers leave', () => {
  const [subscription] = plan(handler(Paid, 'A.paid'), handler('orders', 'A.others')).get('main') ?? [];
  expect(subscription?.routes.map(({ type }) => type)).toEqual(['paid', undefined]);
});

test.each([
  ['one type twice', [handler(Paid, 'A.a'), handler(Paid, 'B.b')], 'A.a and B.b both handle "paid"'],
  ['a topic twice', [handler('x', 'A.a'), handler('x', 'B.b')], 'both handle every type of topic "x"'],
  ['an inherited handler', [handler(Paid, 'A.a'), handler(Paid, 'A.a')], 'A.a is registered twice'],
])('%s is rejected, and the error names both places', (_, handlers, words) => {
  const refuse = (): unknown => plan(...handlers);
  expect(refuse).toThrow(words);
  expect(refuse).toThrow('TRANSPORT_SUBSCRIPTION_DUPLICATE');
});

test('sharing handlers may repeat equal lists', () => {
  const options = (): SubscribeOptions => ({ ordering: 'none', retry: { redeliveryDelaysMs: [60_000] } });
  const [subscription] = plan(handler(Paid, 'A.a', options()), handler(Sent, 'B.b', options())).get('main') ?? [];
  expect(subscription?.options.retry).toEqual({ maxAttempts: 3, redeliveryDelaysMs: [60_000] });
});

test.each([
  ['concurrency', { concurrency: 1 }, { concurrency: 2 }, 'has 1 and B.b has 2 for concurrency'],
  ['a field of retry', { retry: { maxAttempts: 1 } }, { retry: { maxAttempts: 2 } }, 'for retry.maxAttempts'],
  [
    'an entry of a list',
    { retry: { redeliveryDelaysMs: [1] } },
    { retry: { redeliveryDelaysMs: [2] } },
    'for retry.redeliveryDelaysMs',
  ],
  ['dead letters', { deadLetterTopic: 'x' }, { deadLetterTopic: false as const }, 'has "x" and B.b has false'],
])('sharing handlers that differ in %s are rejected', (_, first, second, words) => {
  const refuse = (): unknown => plan(handler(Paid, 'A.a', first), handler(Sent, 'B.b', second));
  expect(refuse).toThrow(words);
  expect(refuse).toThrow('TRANSPORT_OPTION_CONFLICT');
});

test.each([
  ['in its order', { batch: { maxMessages: 9 } }, {}],
  ['the other way round', {}, { batch: { maxMessages: 9 } }],
])('a handler without batch cannot share a subscription with one that sets it, %s', (_, first, second) => {
  const refuse = (): unknown => plan(handler(Paid, 'A.a', first), handler(Sent, 'B.b', second));
  expect(refuse).toThrow(/(A\.a|B\.b) does not set batch and would receive arrays/);
  expect(refuse).toThrow('TRANSPORT_OPTION_CONFLICT');
});

test('a request handler cannot set batch', () => {
  const answering = { ...handler(Paid, 'A.a', { batch: { maxMessages: 9 } }), isAnswer: true };
  expect(() => plan(answering)).toThrow('A.a answers requests one at a time');
});

test('an unknown broker is rejected with the nearest name', () => {
  expect(() => plan(handler(Paid, 'A.a', { broker: 'audt' }))).toThrow('Did you mean "audit"?');
  expect(() => plan(handler(Paid, 'A.a', { broker: 'elsewhere' }))).toThrow('Known are main, audit.');
});

test('unknown options are refused even where types were silenced', () => {
  try {
    plan(handler(Paid, 'A.a', { batches: {} } as SubscribeOptions));
    throw new Error('not refused');
  } catch (error) {
    expect(isTransportError(error, 'TRANSPORT_OPTION_UNKNOWN')).toBe(true);
    expect((error as Error).message).toContain('@Subscribe("paid") in A.a has no option "batches"');
  }
});
