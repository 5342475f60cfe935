/** The Kafka driver. It imports the contract and, on first use, kafkajs. */
import {
  TransportError,
  type Broker,
  type BrokerConnection,
  type BrokerHost,
  type Subscription,
} from '../../contract/index.js';
import { valueText } from '../../shared/index.js';
import { KAFKA_CAPABILITIES, KAFKA_REASONS } from './topology/capabilities.js';
import { KafkaConnection } from './connection.js';
import { KAFKA_DEFAULTS, resolveKafkaOptions, type KafkaOptions, type ResolvedKafkaOptions } from './options.js';
import { checkTopicName } from './topology/topics.js';

export { KAFKA_CAPABILITIES } from './topology/capabilities.js';
export type { KafkaRecord } from './receiving/delivery.js';
export {
  KAFKA_DEFAULTS,
  type KafkaCompression,
  type KafkaOptions,
  type KafkaProvisionOptions,
  type KafkaSaslOptions,
  type KafkaTlsOptions,
} from './options.js';

/**
 * Creates a broker that connects the application to a Kafka cluster.
 * @throws TransportError `TRANSPORT_OPTION_UNKNOWN`, `TRANSPORT_OPTION_INVALID`, `TRANSPORT_OPTION_CONFLICT`
 */
export function kafka(options: KafkaOptions): Broker {
  return new KafkaBroker(resolveKafkaOptions(options));
}

class KafkaBroker implements Broker {
  readonly driver = 'kafka';
  readonly capabilities = KAFKA_CAPABILITIES;
  readonly unsupportedBecause = KAFKA_REASONS;
  // Private, because a log of this object must not show the password.
  readonly #options: ResolvedKafkaOptions;

  constructor(options: ResolvedKafkaOptions) {
    this.#options = options;
  }

  checkSubscription({ topic, group, maxInFlight }: Subscription): void {
    checkTopicName(topic);
    if (group === '') {
      throw new TransportError(
        'TRANSPORT_GROUP_INVALID',
        `[kafka] the subscription to "${topic}" has an empty group. Name a group.`,
        { driver: 'kafka', topic },
      );
    }
    const { maxUncommitted } = this.#options;
    if (maxInFlight > maxUncommitted) {
      throw new TransportError(
        'TRANSPORT_OPTION_CONFLICT',
        `[kafka] subscription "${topic}" of group "${group}": maxInFlight (${maxInFlight}) must not exceed maxUncommitted (${valueText(maxUncommitted, KAFKA_DEFAULTS.maxUncommitted)}) of kafka().`,
        { driver: 'kafka', topic },
      );
    }
  }

  open(host: BrokerHost): BrokerConnection {
    return new KafkaConnection(host, this.#options);
  }
}
