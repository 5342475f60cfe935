import type { Codec, Delivery, StandardSchema } from '../contract/index.js';
import type { ConsumingOptions } from './consuming-options.js';

/** A handler as the runner calls it. What it returns is awaited; what it throws is classified. */
export type Handler = (payload: unknown, delivery: Delivery) => unknown;

/**
 * What a handler gave may stand for work that has only begun, such as a stream: then a promise of its end, else undefined.
 * n.b. a hook and not a wrapper around each handler, because a wrapper would cost a promise per message.
 */
export type RestOfWork = (result: unknown) => Promise<unknown> | undefined;

/** Which messages of a subscription a handler takes. */
export interface Route {
  /** The event type; undefined takes every type. */
  readonly type: string | undefined;
  readonly schema: StandardSchema | undefined;
  /** Whether the event says how its messages get a key; undefined where no event was named. */
  readonly keyed?: boolean;
  /** The event's own; undefined where it has none. */
  readonly codec?: Codec | undefined;
  readonly handle: Handler;
  /** Tells who waits for an answer that there will be none: the message has become a dead letter. Never throws. */
  readonly refuse?: Refusal | undefined;
}

/** @param error why the message could not be handled */
export type Refusal = (error: unknown, delivery: Delivery) => void | Promise<void>;

/** One subscription as it is wanted: (topic, group), how its messages are treated, and who handles them. */
export interface SubscriptionPlan {
  readonly topic: string;
  readonly group: string;
  /** How a reader finds the place in the code, for errors: `InventoryController.reserve`. */
  readonly where: string;
  readonly options: ConsumingOptions;
  readonly routes: readonly Route[];
}
