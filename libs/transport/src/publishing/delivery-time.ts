import { TransportError } from '../contract/index.js';
import type { PublishOptions } from './publisher.js';

/**
 * Returns when a message is to be delivered, in milliseconds since the epoch; undefined means immediately.
 * @throws TransportError `TRANSPORT_OPTION_INVALID`, `TRANSPORT_OPTION_CONFLICT`
 */
export function deliveryTime(
  topic: string,
  options: PublishOptions | undefined,
  now: () => number,
): number | undefined {
  if (options?.deliverAfterMs === undefined && options?.deliverAt === undefined) return undefined;
  const { deliverAfterMs, deliverAt } = options;
  if (deliverAfterMs !== undefined && deliverAt !== undefined) {
    const what = 'deliverAfterMs and deliverAt are both set; set only one of them';
    throw refused('TRANSPORT_OPTION_CONFLICT', topic, what);
  }
  if (deliverAt !== undefined) return momentOf(topic, deliverAt);
  if (Number.isSafeInteger(deliverAfterMs) && (deliverAfterMs as number) >= 0)
    return now() + (deliverAfterMs as number);
  throw refused(
    'TRANSPORT_OPTION_INVALID',
    topic,
    `deliverAfterMs must be an integer >= 0, got ${String(deliverAfterMs)}`,
  );
}

function momentOf(topic: string, deliverAt: unknown): number {
  const moment = deliverAt instanceof Date ? deliverAt.getTime() : Number.NaN;
  if (!Number.isNaN(moment)) return moment;
  throw refused('TRANSPORT_OPTION_INVALID', topic, `deliverAt must be a valid Date, got ${String(deliverAt)}`);
}

function refused(
  code: 'TRANSPORT_OPTION_INVALID' | 'TRANSPORT_OPTION_CONFLICT',
  topic: string,
  what: string,
): TransportError {
  return new TransportError(code, `Cannot publish to "${topic}": ${what}.`, { topic, stored: 'no' });
}
