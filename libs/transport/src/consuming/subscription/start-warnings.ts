import { capabilityOf, type Broker } from '../../contract/index.js';
import type { ResolvedConsumingOptions } from '../consuming-options.js';
import type { SubscriptionPlan } from './subscription-plan.js';

/** Returns what may surprise a reader about a valid subscription: one sentence each. */
export function startWarnings(
  { driver, capabilities }: Broker,
  { options: given, routes }: SubscriptionPlan,
  { ordering, concurrency }: ResolvedConsumingOptions,
): readonly string[] {
  const hasOrderOfPartitions = capabilityOf(capabilities, 'orderByPartition') !== 'unsupported';
  if (ordering === 'key' && hasOrderOfPartitions && concurrency > 1 && routes.every(({ keyed }) => keyed === false)) {
    return [
      `its events have no key, so each partition is handled one message at a time, regardless of concurrency (${concurrency}); give the event a key, or set ordering: 'none'`,
    ];
  }
  // An explicit ordering is a decision; a default must not lose an order silently.
  if (given.ordering !== undefined || routes.every(({ keyed }) => keyed !== true)) return [];
  if (capabilityOf(capabilities, 'orderByKey') === 'unsupported') {
    return [
      `its events have keys, but the ${driver} driver cannot keep the order of a key; set ordering: 'none' if handlers do not need it`,
    ];
  }
  if (capabilityOf(capabilities, 'orderAcrossMembers') !== 'unsupported') return [];
  return [
    `its events have keys, but the ${driver} driver keeps the order of a key only within one member of the group; set ordering: 'key' if that is enough`,
  ];
}
