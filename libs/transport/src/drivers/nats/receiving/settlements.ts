import type { Settlement } from '../../../contract/index.js';
import { nanos } from '../topology/streams.js';

/** Ack. A buffer, because the client would encode a string for each message. */
export const ACKED = Buffer.from('+ACK');
/** Redeliver at once. */
export const NAK = '-NAK';
/** Restarts the ack wait. */
export const WORKING = '+WPI';

/**
 * Gets a reply and changes nothing, because the server does not know this word. "Working" would cancel the delay of a NAK, and the
 * message would come only after the whole ack wait.
 */
export const ANSWER_ME = '?';

/** Returns the payload that settles a delivery. */
export function settlementText(settlement: Settlement): string | Uint8Array {
  if (settlement.kind === 'ack') return ACKED;
  if (settlement.kind === 'nack') return nakText(settlement.delayMs);
  // The server publishes the reason in an advisory, so it contains only the name of the error and none of its content.
  return `+TERM ${settlement.reason.name.replace(/[^\x21-\x7e]/g, '')}`.trim();
}

const nakText = (delayMs: number): string =>
  delayMs > 0 ? `${NAK} ${JSON.stringify({ delay: nanos(Math.ceil(delayMs)) })}` : NAK;
