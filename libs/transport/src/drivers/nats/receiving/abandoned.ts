import type { Subscription as NatsSubscription } from '@nats-io/transport-node';
import type { ConsumerPlace } from './consumers.js';
import type { Link } from '../client/link.js';

interface Advisory {
  readonly stream_seq?: number;
  readonly deliveries?: number;
}

/**
 * Listens to the server's advisories about messages that were delivered as often as the consumer allows. Nothing else shows them:
 * they count neither as pending nor as unsettled.
 * @returns stops listening
 */
export function listenToAbandoned(
  link: Link,
  { stream, name, maxDeliveries }: ConsumerPlace,
  report: (sequence: number, deliveries: number) => void,
): () => void {
  if (maxDeliveries === undefined) return () => undefined;
  const subject = `$JS.EVENT.ADVISORY.CONSUMER.MAX_DELIVERIES.${stream}.${name}`;
  const subscription: NatsSubscription = link.connection.subscribe(subject, {
    callback: (error, message) => {
      if (error !== null) return;
      const { stream_seq: sequence, deliveries } = message.json<Advisory>();
      if (sequence !== undefined && deliveries !== undefined) report(sequence, deliveries);
    },
  });
  return () => {
    if (!subscription.isClosed()) subscription.unsubscribe();
  };
}
