import type { DeadLetterAdmin, SubscriptionControl } from '../consuming/index.js';
import type { BrokerHealth, Capabilities } from '../contract/index.js';

/** The application's view of one of its brokers. Inject it with `@InjectBroker()`. The client's own connection is not shown: it belongs to the driver. */
export abstract class BrokerHandle {
  /** The name the module gave it; `'default'` when it has one. */
  abstract readonly name: string;
  /** `'memory'`, `'kafka'`, ... */
  abstract readonly driver: string;
  abstract readonly capabilities: Capabilities;
  /** Reads dead letters, sends them back, throws them away. */
  abstract readonly deadLetters: DeadLetterAdmin;
  /** How the broker is now; for the whole transport ask `TransportHealth`. */
  abstract health(): BrokerHealth;
  /**
   * One subscription of this application, to pause it and to let it go on.
   * @param group needed only where the topic has several subscriptions
   * @throws TransportError `TRANSPORT_SUBSCRIPTION_UNKNOWN`
   */
  abstract subscription(topic: string, group?: string): SubscriptionControl;
}
