import type { EventDefinition } from '../../contract/index.js';
import type { SubscribeOptions } from './subscribe-options.js';

/** Marks handlers of `@Subscribe`, so that no other transport of a hybrid application runs them. Its description names us in tools. */
export const TRANSPORT_ID = Symbol('nest-transport');

/** Where `@Subscribe` leaves its notes: in the metadata of the method and in the extras that Nest hands to the server. */
export const SUBSCRIPTIONS = Symbol('nest-transport:subscriptions');

/** The content of one `@Subscribe`. Options are unchecked: the start checks them, and its errors contain the place. */
export interface SubscriptionMetadata {
  /** The pattern that Nest and its tools show: the event type, or the topic. */
  readonly pattern: string;
  readonly topic: string;
  /** Undefined where only a topic was named. */
  readonly event: EventDefinition | undefined;
  readonly options: SubscribeOptions;
  /** `@Respond`: the method's result is sent to the requester. */
  readonly responds?: true;
  /** How a reader finds it: `InventoryController.reserve`. */
  readonly where: string;
}

/** What the decorators on one method said, in the order Nest registers their patterns. */
export function subscriptionsOf(method: object): readonly SubscriptionMetadata[] {
  return (Reflect.getMetadata(SUBSCRIPTIONS, method) as readonly SubscriptionMetadata[] | undefined) ?? [];
}
