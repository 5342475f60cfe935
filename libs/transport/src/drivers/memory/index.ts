import type { Broker, BrokerConnection, BrokerHost, Subscription } from '../../contract/index.js';
import { MEMORY_CAPABILITIES } from './capabilities.js';
import { MemoryConnection } from './connection.js';
import { resolveMemoryOptions, type MemoryOptions } from './options.js';
import { checkName, checkTopicOrPattern, MemoryStore } from './store.js';

export { MEMORY_DEFAULTS, type MemoryOptions } from './options.js';
export type { MemoryRecord } from './mapping.js';

/**
 * Creates a broker inside the process with groups, key order, redelivery, delays and dead letters as on a real broker.
 * Applications that use the same value share the broker; a second `memory()` is another broker.
 * Messages are lost when the process ends.
 *
 * @throws TransportError `TRANSPORT_OPTION_UNKNOWN`, `TRANSPORT_OPTION_INVALID`
 */
export function memory(options: MemoryOptions = {}): Broker {
  return new MemoryBroker(new MemoryStore(resolveMemoryOptions(options)));
}

class MemoryBroker implements Broker {
  readonly driver = 'memory';
  readonly capabilities = MEMORY_CAPABILITIES;
  readonly #store: MemoryStore;

  constructor(store: MemoryStore) {
    this.#store = store;
  }

  checkSubscription({ topic, group }: Subscription): void {
    checkTopicOrPattern(topic);
    checkName('TRANSPORT_GROUP_INVALID', 'group', group);
  }

  open(host: BrokerHost): BrokerConnection {
    return new MemoryConnection(this.#store, host);
  }
}
