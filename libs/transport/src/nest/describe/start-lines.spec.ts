import {
  guaranteeOf,
  NOT_ASKED,
  resolveConsumingOptions,
  timeout,
  type SubscriptionSummary,
} from '../../consuming/index.js';
import { MEMORY_CAPABILITIES } from '../../drivers/memory/capabilities.js';
import type { ConsumingOptions, PolicyHandler } from '../../consuming/index.js';
import { describeSubscription } from './description.js';
import { startLines } from './start-lines.js';

function summary(topic: string, group: string, given: ConsumingOptions = {}): SubscriptionSummary {
  const options = resolveConsumingOptions('x', given);
  const deadLetterTopic = given.deadLetterTopic === false ? undefined : `${topic}.dead-letter`;
  const input = { topic, group, deadLetterTopic, options, capabilities: MEMORY_CAPABILITIES, answer: NOT_ASKED };
  return {
    topic,
    group: `${group}.own`,
    declaredGroup: group,
    where: 'Stock.move',
    ...options,
    resolvedDeadLetterTopic: deadLetterTopic,
    retryTopics: [],
    wantedGuarantee: undefined,
    guarantee: guaranteeOf(input),
    warnings: [],
  };
}

test('a row of the table at start names its columns, so that it can be read alone, and its columns are aligned', () => {
  class ValidationError extends Error {}
  const rows = [
    summary('orders', 'stock'),
    summary('price.changed', 'cache', {
      delivery: 'every-instance',
      ordering: 'none',
      batch: { maxMessages: 50 },
      retry: { maxAttempts: 1, neverFor: [ValidationError] },
      deadLetterTopic: false,
    }),
  ].map((each) => describeSubscription({ name: 'main', driver: 'memory' }, each));
  expect(startLines(rows)).toEqual([
    'Subscribed topic=orders        group=stock broker=main driver=memory delivery=group          order=key  concurrency=16   ' +
      'retry=5x(200..30000ms) dead-letter=orders.dead-letter guarantee=may-lose(not-durable)',
    'Subscribed topic=price.changed group=cache broker=main driver=memory delivery=every-instance order=none concurrency=1x50 ' +
      'retry=1x               dead-letter=discarded          guarantee=may-lose(discards,every-instance,not-durable)',
  ]);
});

test.each([
  [{ maxAttempts: 3, redeliveryDelaysMs: [60_000, 600_000] }, 'retry=3x(200..30000ms)+60000ms+600000ms '],
  [{ maxAttempts: 1, redeliveryDelaysMs: [60_000] }, 'retry=1x+60000ms '],
])('retries in tiers are told with what they wait for: %j', (retry, cell) => {
  const given = summary('orders', 'stock', { ordering: 'none', retry });
  const described = describeSubscription({ name: 'main', driver: 'memory' }, given);
  expect(startLines([described])[0]).toContain(cell);
  expect(JSON.parse(JSON.stringify(described)).options.retry.redeliveryDelaysMs).toEqual(retry.redeliveryDelaysMs);
});

test('a description survives JSON: classes leave their names, moments are texts, and nothing is undefined', () => {
  class ValidationError extends Error {}
  const startFrom = new Date('2026-01-02T03:04:05.000Z');
  const policies = [
    timeout({ timeoutMs: 500 }),
    function audited(next: PolicyHandler) {
      return next;
    },
  ];
  const given = summary('orders', 'stock', { startFrom, policies, retry: { neverFor: [ValidationError] } });
  const described = describeSubscription({ name: 'main', driver: 'memory' }, given);
  expect(JSON.parse(JSON.stringify(described))).toEqual(described);
  expect(described).toMatchObject({
    group: 'stock',
    options: {
      startFrom: '2026-01-02T03:04:05.000Z',
      retry: { neverFor: ['ValidationError'] },
      policies: [{ kind: 'timeout', options: { timeoutMs: 500 } }, 'audited'],
    },
  });
});
