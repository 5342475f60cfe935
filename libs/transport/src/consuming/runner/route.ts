import type { Codec, Delivery, StandardSchema } from '../../contract/index.js';
import type { Handler } from './handler.js';

/** Describes which messages of a subscription a handler takes. */
export interface Route {
  /** The event type; undefined takes every type. */
  readonly type: string | undefined;
  readonly schema: StandardSchema | undefined;
  /** Whether the event defines a key for its messages; undefined if no event was given. */
  readonly keyed?: boolean;
  /** The event's own codec; undefined if it has none. */
  readonly codec?: Codec | undefined;
  readonly handle: Handler;
  /** Notifies a requester that its message was dead-lettered and no reply will come. Never throws. */
  readonly refuse?: Refusal | undefined;
}

/** Rejects a request. @param error why the message could not be handled */
export type Refusal = (error: unknown, delivery: Delivery) => void | Promise<void>;
