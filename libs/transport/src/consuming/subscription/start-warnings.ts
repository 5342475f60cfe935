import { capabilityOf, type Broker } from '../../contract/index.js';
import type { ResolvedConsumingOptions } from '../consuming-options.js';
import type { SubscriptionPlan } from './subscription-plan.js';

/** What a reader should know of a subscription that starts as it was asked to, and may still surprise: one sentence each. */
export function startWarnings(
  { driver, capabilities }: Broker,
  { options: given, routes }: SubscriptionPlan,
  { ordering, concurrency }: ResolvedConsumingOptions,
): readonly string[] {
  const hasOrderOfPartitions = capabilityOf(capabilities, 'orderByPartition') !== 'unsupported';
  if (ordering === 'key' && hasOrderOfPartitions && concurrency > 1 && routes.every(({ keyed }) => keyed === false)) {
    return [
      `its events have no key, so each partition is handled one message at a time, whatever concurrency (${concurrency}) says; give the event a key, or set ordering: 'none'`,
    ];
  }
  // Whoever wrote down an ordering has read what it means; a default must not lose an order in silence.
  if (given.ordering !== undefined || routes.every(({ keyed }) => keyed !== true)) return [];
  if (capabilityOf(capabilities, 'orderByKey') === 'unsupported') {
    return [
      `its events have keys, and the ${driver} driver cannot keep the order of a key; write ordering: 'none' when handlers do not need it`,
    ];
  }
  if (capabilityOf(capabilities, 'orderAcrossMembers') !== 'unsupported') return [];
  return [
    `its events have keys, and the ${driver} driver keeps the order of a key within one member of the group, not across several; write ordering: 'key' when that is enough`,
  ];
}
