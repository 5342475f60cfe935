import type { Delivery } from './delivery.js';
import type { StartFrom } from './start-from.js';

/**
 * `'key'`: one message of a key at a time. `'partition'`: one message of a partition at a time. `'none'`: up to
 * `concurrency` at once.
 */
export type Ordering = 'key' | 'partition' | 'none';

/** `'group'`: the members of the group share the messages. `'every-instance'`: broadcast to all running instances. */
export type DeliveryMode = 'group' | 'every-instance';

/** Describes what a driver delivers, by broker, topic and group, and how much at a time. */
export interface Subscription {
  /** A topic name, or a pattern where the broker supports `wildcards`: see `isTopicPattern`. */
  readonly topic: string;
  /** For `'every-instance'`, a name that no other instance has. */
  readonly group: string;
  /** For `'every-instance'`, what the driver creates is removed soon after this instance ends. */
  readonly delivery: DeliveryMode;
  readonly startFrom: StartFrom;
  readonly ordering: Ordering;
  /** Maximum number of handlers that run at the same time. */
  readonly concurrency: number;
  /** Maximum number of deliveries that the runner holds, parked ones not counted, before it asks the driver to wait. */
  readonly maxInFlight: number;
  /**
   * Long delays of later nacks, in milliseconds. A driver whose broker cannot wait that long rejects them in
   * `checkSubscription`.
   */
  readonly redeliveryDelaysMs?: readonly number[] | undefined;
}

/**
 * Receives what a driver delivers, in arrays, so that the hot path pays per batch and not per message.
 *
 * A returned Promise means "wait": the driver delivers nothing more of the same stream until it resolves. It never
 * rejects. The sink keeps what was in the array in both cases.
 */
export interface DeliverySink {
  /** Receives deliveries in the order of their stream. */
  receive(deliveries: readonly Delivery[]): void | Promise<void>;
  /** Called after the driver revoked deliveries, so that the sink drops those that were parked. */
  revoked(): void;
}

/** A subscription and the sink for its deliveries. */
export interface SubscriptionSink {
  readonly subscription: Subscription;
  readonly sink: DeliverySink;
}
