import type { Codec, Delivery, StandardSchema } from '../../contract/index.js';
import type { Handler } from './handler.js';

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
