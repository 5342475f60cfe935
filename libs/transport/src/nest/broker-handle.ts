import type { BrokerHealth, Capabilities } from '../contract/index.js';

/** The application's view of one of its brokers. Inject it with `@InjectBroker()`. The client's own connection is not shown: it belongs to the driver. */
export abstract class BrokerHandle {
  /** The name the module gave it; `'default'` when it has one. */
  abstract readonly name: string;
  /** `'memory'`, `'kafka'`, ... */
  abstract readonly driver: string;
  abstract readonly capabilities: Capabilities;
  /** How the broker is now; for the whole transport ask `TransportHealth`. */
  abstract health(): BrokerHealth;
}
