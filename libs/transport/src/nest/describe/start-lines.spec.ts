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
  const deadLetterTopic =
    given.deadLetterTopic === false ? undefined : (given.deadLetterTopic ?? `${topic}.${group}.dead-letter`);
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

const described = (...args: Parameters<typeof summary>) =>
  describeSubscription({ name: 'default', driver: 'memory' }, summary(...args));

test('a start writes one line for each subscription: its handler, its topic, and the options that are not the defaults', () => {
  class ValidationError extends Error {}
  const rows = [
    described('orders', 'stock', { concurrency: 8 }),
    described('price.changed', 'cache', {
      delivery: 'every-instance',
      ordering: 'none',
      batch: { maxMessages: 50 },
      retry: { maxAttempts: 1, neverFor: [ValidationError] },
      deadLetterTopic: false,
    }),
  ];
  expect(startLines(rows)).toEqual([
    'Stock.move <- orders        group=stock concurrency=8 guarantee=may-lose(not-durable)',
    'Stock.move <- price.changed group=cache delivery=every-instance ordering=none batch=50 retry=1x deadLetterTopic=false ' +
      'guarantee=may-lose(discards,every-instance,not-durable)',
  ]);
});

test('a start line has no options where all are the defaults, also those that the broker or the delivery decides', () => {
  const wide = { ...MEMORY_CAPABILITIES, orderByKey: 'unsupported', startFromBeginning: 'unsupported' } as const;
  const options = resolveConsumingOptions('x', {}, wide);
  const guarantee = { level: 'at-least-once', reasons: [] } as const;
  const row = describeSubscription({ name: 'default', driver: 'x' }, { ...summary('t', 'g'), ...options, guarantee });
  expect(startLines([{ ...row, deadLetterTopic: 't.g.dead-letter' }], wide)).toEqual(['Stock.move <- t group=g']);
  expect(startLines([described('t', 'g', { delivery: 'every-instance', deadLetterTopic: 'lost' })])[0]).toContain(
    ' delivery=every-instance deadLetterTopic=lost guarantee=',
  );
});

test('a start line names every handler of a shared subscription, and a broker that has a name', () => {
  const where = '@Subscribe("orders") in Stock.add and @Subscribe("orders") in Stock.take';
  const row = describeSubscription({ name: 'main', driver: 'x' }, { ...summary('orders', 'stock'), where });
  expect(startLines([row])[0]).toContain('Stock.add, Stock.take <- orders group=stock broker=main ');
});

test.each([
  [{ maxAttempts: 3, redeliveryDelaysMs: [60_000, 600_000] }, 'retry=3x(200..30000ms)+60000ms+600000ms '],
  [{ maxAttempts: 1, redeliveryDelaysMs: [60_000] }, 'retry=1x+60000ms '],
])('retries in tiers are shown with what they wait for: %j', (retry, cell) => {
  const row = described('orders', 'stock', { ordering: 'none', retry });
  expect(startLines([row])[0]).toContain(cell);
  expect(JSON.parse(JSON.stringify(row)).options.retry.redeliveryDelaysMs).toEqual(retry.redeliveryDelaysMs);
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
  const row = describeSubscription({ name: 'main', driver: 'memory' }, given);
  expect(JSON.parse(JSON.stringify(row))).toEqual(row);
  expect(row).toMatchObject({
    group: 'stock',
    options: {
      startFrom: '2026-01-02T03:04:05.000Z',
      retry: { neverFor: ['ValidationError'] },
      policies: [{ kind: 'timeout', options: { timeoutMs: 500 } }, 'audited'],
    },
  });
});
