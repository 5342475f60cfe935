import type { BrokerHost } from './broker.js';
import type { Delivery } from './delivery.js';
import { TransportError } from './errors.js';
import { shown } from './foreign-text.js';
import type { Settlement } from './settlement.js';
import { messageOf } from './thrown.js';

/**
 * For drivers: reports that the broker refused a settlement, or that it was lost or came too late. The handler has ended by then, and the
 * message can come again. Where it happens often, health says so.
 *
 * ```ts
 * protected settled(settlement: Settlement): void {
 *   this.#owner.ack(this.tag).catch((error) => settlementFailed(this.#host, this, settlement, error));
 * }
 * ```
 * @param cause what the client or the broker said
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
