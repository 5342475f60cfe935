/** The NATS driver: JetStream, or core NATS. Imports the contract and, on first use, the packages of @nats-io. */
import {
  type Broker,
  type BrokerConnection,
  type BrokerHost,
  type Capabilities,
  type Subscription,
} from '../../contract/index.js';
import { valueText } from '../../shared/index.js';
import {
  NATS_CAPABILITIES,
  NATS_CORE_CAPABILITIES,
  NATS_REASONS,
  NATS_SINGLE_ACTIVE_CAPABILITIES,
} from './topology/capabilities.js';
import { NatsConnection } from './connection.js';
import { errorOf } from './client/failures.js';
import { consumerNameOf } from './topology/names.js';
import { NATS_DEFAULTS, resolveNatsOptions, type NatsOptions, type ResolvedNatsOptions } from './options.js';
import { checkSubscribedTopic } from './topology/streams.js';

export { NATS_CAPABILITIES, NATS_CORE_CAPABILITIES } from './topology/capabilities.js';
export type { NatsHeaders, NatsMessage } from './mapping.js';
export {
  NATS_DEFAULTS,
  type NatsAuthOptions,
  type NatsMode,
  type NatsOptions,
  type NatsProvisionOptions,
  type NatsTlsOptions,
} from './options.js';

/**
 * Creates a NATS broker: with JetStream by default, or with core NATS (`mode: 'core'`).
 * @throws TransportError `TRANSPORT_OPTION_UNKNOWN`, `TRANSPORT_OPTION_INVALID`, `TRANSPORT_OPTION_CONFLICT`
 */
export function nats(options: NatsOptions): Broker {
  return new NatsBroker(resolveNatsOptions(options));
}

class NatsBroker implements Broker {
  readonly driver = 'nats';
  readonly capabilities: Capabilities;
  readonly unsupportedBecause = NATS_REASONS;
  // Private fields keep the password out of logs of this object.
  readonly #options: ResolvedNatsOptions;

  constructor(options: ResolvedNatsOptions) {
    this.#options = options;
    this.capabilities = capabilitiesOf(options);
  }

  checkSubscription({ topic, group, maxInFlight }: Subscription): void {
    checkSubscribedTopic(topic);
    const { mode, maxUnsettled } = this.#options;
    if (group === '' || (mode === 'core' && /[\s*>]/.test(group))) {
      const text = `the group of the subscription to "${topic}" must not be empty${mode === 'core' ? ' or contain spaces, "*" or ">"' : ''}, got ${JSON.stringify(group)}.`;
      throw errorOf('TRANSPORT_GROUP_INVALID', text, { topic });
    }
    if (mode === 'jetstream') consumerNameOf(this.#options, { topic, group });
    if (mode === 'jetstream' && maxInFlight > maxUnsettled) {
      const text = `subscription "${topic}" of group "${group}": maxInFlight (${maxInFlight}) must not be above maxUnsettled (${valueText(maxUnsettled, NATS_DEFAULTS.maxUnsettled)}) of nats(). Lower maxInFlight or raise maxUnsettled.`;
      throw errorOf('TRANSPORT_OPTION_CONFLICT', text, { topic });
    }
  }

  open(host: BrokerHost): BrokerConnection {
    return new NatsConnection(host, this.#options);
  }
}

function capabilitiesOf({ mode, singleActiveConsumer }: ResolvedNatsOptions): Capabilities {
  if (mode === 'core') return NATS_CORE_CAPABILITIES;
  return singleActiveConsumer ? NATS_SINGLE_ACTIVE_CAPABILITIES : NATS_CAPABILITIES;
}
