import { isDeepStrictEqual } from 'node:util';
import { defaultDeadLetterTopic, resolveConsumingOptions } from '../../consuming/index.js';
import type { Capabilities, Notices } from '../../contract/index.js';
import type { BrokerRuntime } from '../broker-runtime.js';
import type { TransportLog } from '../logging/transport-log.js';
import {
  describeOptions,
  describeSubscription,
  type DescribedOptions,
  type SubscriptionDescription,
} from './description.js';
import { ONLY_BROKER } from '../module-options.js';
import { aligned, attempts, inShort } from './subscription-cells.js';

/** The part of a runtime that start lines need. */
interface Starting {
  readonly notices: Notices;
  broker(name: string): BrokerRuntime;
}

/** Writes one line for each subscription of a broker when all of them have started. */
export function logStarts(runtime: Starting, log: TransportLog): void {
  const started = new Map<string, number>();
  runtime.notices.on('subscription:started', ({ broker }) => {
    const from = runtime.broker(broker);
    const count = (started.get(broker) ?? 0) + 1;
    started.set(broker, count % from.subscriptions.length);
    if (count === from.subscriptions.length) writeTable(from, log);
  });
}

function writeTable(broker: BrokerRuntime, log: TransportLog): void {
  const described = broker.subscriptions.map((each) => describeSubscription(broker, each));
  for (const line of startLines(described, broker.capabilities)) log.log(line);
}

/**
 * `InventoryController.reserve <- order.created group=inventory concurrency=8`: the handlers, what they receive, and the options
 * that differ from the defaults of this broker, by their names in the code.
 */
export function startLines(
  subscriptions: readonly SubscriptionDescription[],
  capabilities?: Capabilities,
): readonly string[] {
  return aligned(
    subscriptions.map((each) => [
      handlersOf(each),
      '<-',
      each.topic,
      `group=${each.group}`,
      [...placeOf(each), ...changedOptions(each, capabilities), ...guaranteeOf(each)].join(' '),
    ]),
  );
}

/** `@Subscribe("a") in Stock.add and @Subscribe("a") in Stock.take` as `Stock.add, Stock.take`. */
const handlersOf = ({ where }: SubscriptionDescription): string =>
  where.replaceAll(' and @Subscribe(', ', @Subscribe(').replaceAll(/@Subscribe\("[^"]*"\) in /g, '');

const placeOf = ({ broker }: SubscriptionDescription): readonly string[] =>
  broker === ONLY_BROKER ? [] : [`broker=${broker}`];

function changedOptions(
  { options, topic, group, deadLetterTopic }: SubscriptionDescription,
  capabilities: Capabilities | undefined,
): readonly string[] {
  const { delivery, batch } = options;
  const defaults = resolveConsumingOptions('', { delivery, ...(batch === undefined ? {} : { batch }) }, capabilities);
  const known = describeOptions(defaults) as Readonly<Record<string, unknown>>;
  const usualDeadLetterTopic = defaults.deadLetterTopic === false ? null : defaultDeadLetterTopic(topic, group);
  return [
    ...(delivery === 'group' ? [] : [`delivery=${delivery}`]),
    ...Object.entries(options)
      .filter(([name, value]) => name === 'batch' || !isDeepStrictEqual(value, known[name]))
      .filter(([name]) => name !== 'delivery')
      .map(([name, value]) => `${name}=${optionText(name, value, options)}`),
    ...(deadLetterTopic === usualDeadLetterTopic ? [] : [`deadLetterTopic=${deadLetterTopic ?? false}`]),
  ];
}

function optionText(name: string, value: unknown, { retry, batch, policies = [] }: DescribedOptions): string {
  if (name === 'retry') return attempts(retry);
  if (name === 'batch') return `${batch?.maxMessages}`;
  if (name === 'policies') return policies.map((each) => (typeof each === 'string' ? each : each.kind)).join(',');
  return typeof value === 'object' ? JSON.stringify(value) : String(value);
}

/** The resulting guarantee, shown only if it is not the usual at-least-once. */
const guaranteeOf = ({ guarantee }: SubscriptionDescription): readonly string[] =>
  guarantee.level === 'at-least-once' ? [] : [`guarantee=${inShort(guarantee)}`];
