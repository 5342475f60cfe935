import type { Settlement } from '../../../contract/index.js';
import { nanos } from '../topology/streams.js';

/** Done, never again. n.b. bytes: the client would encode a text for each message. */
export const ACKED = Buffer.from('+ACK');
/** Deliver it again, at once. */
export const NAK = '-NAK';
/** Count the time for a settlement anew. */
export const WORKING = '+WPI';

/**
 * Changes nothing and is answered: the server knows no such word. n.b. "working" would be wrong here, because it takes back the
 * delay of a NAK: the message would come after the whole time for a settlement.
 */
export const ANSWER_ME = '?';

/** How JetStream is told of the end of a delivery. */
export function settlementText(settlement: Settlement): string | Uint8Array {
  if (settlement.kind === 'ack') return ACKED;
  if (settlement.kind === 'nack') return nakText(settlement.delayMs);
  // n.b. the server tells the reason to whoever listens for it: the name of the error, and nothing of what is in it.
  return `+TERM ${settlement.reason.name.replace(/[^\x21-\x7e]/g, '')}`.trim();
}

const nakText = (delayMs: number): string =>
  delayMs > 0 ? `${NAK} ${JSON.stringify({ delay: nanos(Math.ceil(delayMs)) })}` : NAK;
