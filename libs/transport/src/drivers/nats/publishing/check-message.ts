import type { OutgoingMessage, TransportError } from '../../../contract/index.js';
import { errorOf } from '../client/failures.js';
import { isServerHeader } from '../mapping.js';
import { checkTopicName } from '../topology/streams.js';

/** The server counts nanoseconds in 64 bits, and takes a later time for one in the past. */
const LATEST_MS = Date.UTC(2262, 0);

/**
 * Rejects what a NATS server would reject or act on.
 * @param checked topics that were checked before
 * @throws TransportError `TRANSPORT_TOPIC_INVALID`, `TRANSPORT_PARTITION_MISSING`, `TRANSPORT_OPTION_INVALID`,
 * `TRANSPORT_HEADER_INVALID`
 */
export function checkMessage(message: OutgoingMessage, checked: Set<string>): void {
  const { topic, partition, headers, deliverAtMs = 0 } = message;
  if (!checked.has(topic)) {
    checkTopicName(topic);
    checked.add(topic);
  }
  if (partition !== undefined) {
    const text = `cannot publish to "${topic}": the message names partition ${partition}, and NATS has no partitions. Remove it. Nothing was stored.`;
    throw errorOf('TRANSPORT_PARTITION_MISSING', text, { topic, stored: 'no' });
  }
  if (deliverAtMs >= LATEST_MS) {
    const text = `cannot publish to "${topic}": the server accepts only delivery times before ${new Date(LATEST_MS).toISOString()}. Nothing was stored.`;
    throw errorOf('TRANSPORT_OPTION_INVALID', text, { topic, stored: 'no' });
  }
  const reserved = headers === undefined ? undefined : Object.keys(headers).find(isServerHeader);
  if (reserved === undefined) return;
  const text = `cannot publish to "${topic}" with header "${reserved}": names that start with "Nats-" are the server's own. Nothing was stored.`;
  throw errorOf('TRANSPORT_HEADER_INVALID', text, { topic, stored: 'no' });
}

export const messageTooLarge = ({ topic, body }: OutgoingMessage, maxBytes: number): TransportError =>
  errorOf(
    'TRANSPORT_MESSAGE_TOO_LARGE',
    `cannot publish to "${topic}": the message (body ${body?.length ?? 0} bytes) is too large. The limit is ${maxBytes} bytes with key and headers. Nothing was stored.`,
    { topic, stored: 'no' },
  );
