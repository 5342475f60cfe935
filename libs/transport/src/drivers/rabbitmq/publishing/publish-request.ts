import type { SendResult, SendWindow, TransportError } from '../../../contract/index.js';
import type { Addressed } from './addressing.js';
import type { Fate, Parcel } from './confirmed-channel.js';
import type { Unsent } from './publish-errors.js';

/** How often a request is sent again because an exchange or a queue is missing. */
export const MAX_REFUSALS = 20;

/** One message of a request. */
export interface Entry extends Unsent, Addressed {
  readonly index: number;
  parcel: Parcel;
  way: Addressed['way'];
  written: boolean;
  /** It was written before on a lost connection, so an earlier copy may be stored. */
  wasLost: boolean;
  /** The outcome of the latest attempt; undefined before it, and for a message that could not be written. */
  fate: Fate | undefined;
}

/** One call of `send`. */
export interface Request {
  readonly results: SendResult[];
  readonly window: SendWindow | undefined;
  /** Messages of the call and those added since. */
  size: number;
  /** Deadline for sending again, on the monotonic clock; set when a message was lost. */
  untilMs: number | undefined;
  refusals: number;
  /** How many messages are sent together: fewer while the driver searches the message that closes the channel. */
  most: number;
}

/** Fails all entries, so that none is sent again. */
export function end(
  entries: readonly Entry[],
  { results }: Request,
  errorFor: (entry: Entry) => TransportError,
): Entry[] {
  for (const entry of entries) results[entry.index] = errorFor(entry);
  return [];
}
