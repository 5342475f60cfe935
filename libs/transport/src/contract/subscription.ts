import type { Delivery } from './delivery.js';
import type { StartFrom } from './start-from.js';

/** `'key'`: one key, one at a time. `'partition'`: one partition, one at a time. `'none'`: up to `concurrency` at once. */
export type Ordering = 'key' | 'partition' | 'none';

/** `'group'`: the members of the group share the messages. `'every-instance'`: each running instance gets all of them. */
export type DeliveryMode = 'group' | 'every-instance';

/** (broker, topic, group): what a driver has to deliver, and how much of it at a time. */
export interface Subscription {
  /** A name, or a pattern where the broker has `wildcards`: see `isTopicPattern`. */
  readonly topic: string;
  /** For `'every-instance'` a name that no other instance has. */
  readonly group: string;
  /** `'every-instance'`: what the driver makes for it is gone, soon after this instance is. */
  readonly delivery: DeliveryMode;
  readonly startFrom: StartFrom;
  readonly ordering: Ordering;
  /** Handlers that run at the same time. */
  readonly concurrency: number;
  /** Deliveries that may be with the runner, parked ones not counted, before it asks to wait. */
  readonly maxInFlight: number;
  /** Long waits in milliseconds that nacks of it will ask for. A driver whose broker cannot wait so long refuses them in `checkSubscription`. */
  readonly redeliveryDelaysMs?: readonly number[] | undefined;
}

/**
 * Takes what a driver delivers. Handed over in arrays, so that the hot path pays per batch and not per message.
 *
 * A returned promise means "enough for now": until it resolves the driver hands over nothing more of the same stream.
 * It never rejects. What was in the array stays with the sink either way.
 */
export interface DeliverySink {
  /** In the order of their stream. */
  receive(deliveries: readonly Delivery[]): void | Promise<void>;
  /** Told after the driver revoked deliveries, so that the sink forgets those that were parked. */
  revoked(): void;
}

/** A subscription and whoever takes its deliveries. */
export interface SubscriptionSink {
  readonly subscription: Subscription;
  readonly sink: DeliverySink;
}
