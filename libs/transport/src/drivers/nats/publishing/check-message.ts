import type { OutgoingMessage, TransportError } from '../../../contract/index.js';
import { errorOf } from '../client/failures.js';
import { isServerHeader } from '../mapping.js';
import { checkTopicName } from '../topology/streams.js';

/** n.b. the server counts billionths of a second in 64 bits, and takes what lies beyond for the past. */
const LATEST_MS = Date.UTC(2262, 0);

/**
 * What a NATS server would refuse, or act on. @param checked topics that were looked at before
 * @throws TransportError `TRANSPORT_TOPIC_INVALID`, `TRANSPORT_PARTITION_MISSING`, `TRANSPORT_OPTION_INVALID`, `TRANSPORT_HEADER_INVALID`
 */
export function checkMessage(message: OutgoingMessage, checked: Set<string>): void {
  const { topic, partition, headers, deliverAtMs = 0 } = message;
  if (!checked.has(topic)) {
    checkTopicName(topic);
    checked.add(topic);
  }
  if (partition !== undefined) {
    const text = `a message for "${topic}" names partition ${partition}, and NATS has none. Nothing was stored.`;
    throw errorOf('TRANSPORT_PARTITION_MISSING', text, { topic, stored: 'no' });
  }
  if (deliverAtMs >= LATEST_MS) {
    const text = `a message for "${topic}" is for a moment from ${new Date(LATEST_MS).toISOString()} on, which the server cannot count to. Nothing was stored.`;
    throw errorOf('TRANSPORT_OPTION_INVALID', text, { topic, stored: 'no' });
  }
  const reserved = headers === undefined ? undefined : Object.keys(headers).find(isServerHeader);
  if (reserved === undefined) return;
  const text = `a message for "${topic}" has the header "${reserved}": names that begin with "Nats-" are the server's own. Nothing was stored.`;
  throw errorOf('TRANSPORT_HEADER_INVALID', text, { topic, stored: 'no' });
}

export const messageTooLarge = ({ topic, body }: OutgoingMessage, maxBytes: number): TransportError =>
  errorOf(
    'TRANSPORT_MESSAGE_TOO_LARGE',
    `a message for "${topic}" (body ${body?.length ?? 0} bytes) does not fit: the limit is ${maxBytes} bytes with key and headers. Nothing was stored.`,
    { topic, stored: 'no' },
  );
