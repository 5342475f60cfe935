import type { DeadLetterAdmin, SubscriptionControl } from '../consuming/index.js';
import type { BrokerHealth, Capabilities } from '../contract/index.js';

/** Gives access to the name, health, subscriptions and dead letters of one broker. Inject it with `@InjectBroker()`. The client's own connection belongs to the driver and is not accessible. */
export abstract class BrokerHandle {
  /** The name the module gave it; `'default'` when it has one. */
  abstract readonly name: string;
  /** `'memory'`, `'kafka'`, ... */
  abstract readonly driver: string;
  abstract readonly capabilities: Capabilities;
  /** Lists, replays and discards dead letters. */
  abstract readonly deadLetters: DeadLetterAdmin;
  /** Returns the current health of this broker; `TransportHealth` has that of the whole transport. */
  abstract health(): BrokerHealth;
  /**
   * Returns the control of one subscription of this application, which can pause, resume and replay it.
   * @param group required only if the topic has several subscriptions
   * @throws TransportError `TRANSPORT_SUBSCRIPTION_UNKNOWN`
   */
  abstract subscription(topic: string, group?: string): SubscriptionControl;
}
