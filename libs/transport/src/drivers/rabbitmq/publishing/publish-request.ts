import type { SendResult, SendWindow, TransportError } from '../../../contract/index.js';
import type { Addressed } from './addressing.js';
import type { Fate, Parcel } from './confirmed-channel.js';
import type { Unsent } from './publish-errors.js';

/** How often a request goes out again because an exchange, a rung or a queue is missing. */
export const MAX_REFUSALS = 20;

/** One message on its way. */
export interface Entry extends Unsent, Addressed {
  readonly index: number;
  parcel: Parcel;
  way: Addressed['way'];
  written: boolean;
  /** It was written before on a connection that went, so an earlier copy may be stored. */
  wasLost: boolean;
  /** Of the newest try; undefined before it, and for what could not be written. */
  fate: Fate | undefined;
}

/** One call of `send`. */
export interface Request {
  readonly results: SendResult[];
  readonly window: SendWindow | undefined;
  /** Messages of the call, and those taken since. */
  size: number;
  /** When sending again ends, on the monotonic clock; set when something was lost. */
  untilMs: number | undefined;
  refusals: number;
  /** How many messages go out together: fewer while the one is searched for that RabbitMQ closes the channel for. */
  most: number;
}

/** Tells all of them the same, and leaves none to be sent again. */
export function end(
  entries: readonly Entry[],
  { results }: Request,
  errorFor: (entry: Entry) => TransportError,
): Entry[] {
  for (const entry of entries) results[entry.index] = errorFor(entry);
  return [];
}
