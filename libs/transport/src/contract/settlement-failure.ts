import type { BrokerHost } from './broker.js';
import type { Delivery } from './delivery.js';
import { TransportError } from './errors.js';
import { shown } from './foreign-text.js';
import type { Settlement } from './settlement.js';
import { messageOf } from './thrown.js';

/**
 * Reports, for drivers, that the broker rejected a settlement, or that it was lost or late. The handler has already
 * ended, and the message can be delivered again. Repeated failures appear in health.
 *
 * ```ts
 * protected settled(settlement: Settlement): void {
 *   this.#owner.ack(this.tag).catch((error) => settlementFailed(this.#host, this, settlement, error));
 * }
 * ```
 * @param cause the error of the client or the broker
 */
export function settlementFailed(
  { notices, broker }: Pick<BrokerHost, 'notices' | 'broker'>,
  { topic, group, id, key, attempt }: Pick<Delivery, 'topic' | 'group' | 'id' | 'key' | 'attempt'>,
  { kind }: Settlement,
  cause: unknown,
): void {
  const error = new TransportError(
    'TRANSPORT_SETTLEMENT_FAILED',
    `The ${kind} of message ${shown(id)} of "${topic}" did not reach the broker, which can deliver the message again. ${messageOf(cause)}`,
    { topic, retryable: true, cause },
  );
  notices.emit('settlement:failed', { broker, topic, group, id, key, attempt, settlement: kind, error });
}
