import type { Subscription as NatsSubscription } from '@nats-io/transport-node';
import type { ConsumerPlace } from './consumers.js';
import type { Link } from '../client/link.js';

interface Advisory {
  readonly stream_seq?: number;
  readonly deliveries?: number;
}

/**
 * Listens to what the server tells of messages that it has delivered as often as the consumer allows. Nothing else shows them:
 * they count neither as pending nor as unsettled.
 * @returns ends it
 */
export function listenToAbandoned(
  link: Link,
  { stream, name, maxDeliveries }: ConsumerPlace,
  tell: (sequence: number, deliveries: number) => void,
): () => void {
  if (maxDeliveries === undefined) return () => undefined;
  const subject = `$JS.EVENT.ADVISORY.CONSUMER.MAX_DELIVERIES.${stream}.${name}`;
  const subscription: NatsSubscription = link.connection.subscribe(subject, {
    callback: (error, message) => {
      if (error !== null) return;
      const { stream_seq: sequence, deliveries } = message.json<Advisory>();
      if (sequence !== undefined && deliveries !== undefined) tell(sequence, deliveries);
    },
  });
  return () => {
    if (!subscription.isClosed()) subscription.unsubscribe();
  };
}
