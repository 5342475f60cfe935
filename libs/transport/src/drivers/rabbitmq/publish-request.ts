import type { SendResult, TransportError } from '../../contract/index.js';
import type { Addressed } from './addressing.js';
import type { Parcel } from './confirmed-channel.js';
import type { Unsent } from './publish-errors.js';

/** Channels that a request may lose to refusals before its messages are told so. */
export const MAX_REFUSALS = 20;

/** One message on its way. */
export interface Entry extends Unsent, Addressed {
  readonly index: number;
  parcel: Parcel;
  way: Addressed['way'];
  written: boolean;
}

/** One call of `send`. */
export interface Request {
  readonly results: SendResult[];
  /** When sending again ends, on the monotonic clock; set when something was lost. */
  untilMs: number | undefined;
  refusals: number;
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
