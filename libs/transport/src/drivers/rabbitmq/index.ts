/** The RabbitMQ driver. It imports the contract and, on first use, amqplib. */
import {
  TransportError,
  type Broker,
  type BrokerConnection,
  type BrokerHost,
  type Capabilities,
  type ErrorCode,
  type Subscription,
} from '../../contract/index.js';
import { valueText } from '../../shared/index.js';
import { capabilitiesOf, RABBITMQ_REASONS } from './topology/capabilities.js';
import { RabbitmqConnection } from './connection.js';
import { checkTopicName, droppedQueueOf, groupProblem, queueNameOf, queueProblem } from './topology/names.js';
import {
  RABBITMQ_DEFAULTS,
  resolveRabbitmqOptions,
  type RabbitmqOptions,
  type ResolvedRabbitmqOptions,
} from './options.js';

export { RABBITMQ_CAPABILITIES } from './topology/capabilities.js';
export type { RabbitmqProperties, RabbitmqRecord } from './mapping.js';
export {
  RABBITMQ_DEFAULTS,
  type RabbitmqExchangeType,
  type RabbitmqOptions,
  type RabbitmqQueueType,
  type RabbitmqTlsOptions,
} from './options.js';

/**
 * Creates a broker that connects the application to RabbitMQ.
 * @throws TransportError `TRANSPORT_OPTION_UNKNOWN`, `TRANSPORT_OPTION_INVALID`, `TRANSPORT_OPTION_CONFLICT`
 */
export function rabbitmq(options: RabbitmqOptions): Broker {
  return new RabbitmqBroker(resolveRabbitmqOptions(options));
}

class RabbitmqBroker implements Broker {
  readonly driver = 'rabbitmq';
  readonly capabilities: Capabilities;
  readonly unsupportedBecause = RABBITMQ_REASONS;
  // Private, because a log of this object must not show the password.
  readonly #options: ResolvedRabbitmqOptions;

  constructor(options: ResolvedRabbitmqOptions) {
    this.#options = options;
    this.capabilities = capabilitiesOf(options);
  }

  checkSubscription({ topic, group, maxInFlight }: Subscription): void {
    checkTopicName(topic, this.#options.exchangeType);
    const problem = groupProblem(group);
    if (problem !== undefined)
      throw refuse('TRANSPORT_GROUP_INVALID', topic, `group "${group}" cannot be used: ${problem}.`);
    const queue = queueNameOf(this.#options, topic, group);
    const isTaken = queue === droppedQueueOf(group);
    const ofQueue = isTaken
      ? 'it is reserved for messages that RabbitMQ drops at a delivery limit'
      : queueProblem(queue);
    if (ofQueue !== undefined)
      throw refuse(
        'TRANSPORT_GROUP_INVALID',
        topic,
        `${this.#origin(topic, group)} "${queue}" cannot be used: ${ofQueue}.`,
      );
    const { maxUnsettled } = this.#options;
    if (maxInFlight > maxUnsettled) {
      const text = `subscription "${topic}" of group "${group}": maxInFlight (${maxInFlight}) must not exceed maxUnsettled (${valueText(maxUnsettled, RABBITMQ_DEFAULTS.maxUnsettled)}) of rabbitmq().`;
      throw refuse('TRANSPORT_OPTION_CONFLICT', topic, text);
    }
  }

  #origin(topic: string, group: string): string {
    const isNamed = this.#options.queueName !== undefined;
    return isNamed ? `the result of queueName for topic "${topic}" and group "${group}",` : `queue`;
  }

  open(host: BrokerHost): BrokerConnection {
    return new RabbitmqConnection(host, this.#options);
  }
}

const refuse = (code: ErrorCode, topic: string, text: string): TransportError =>
  new TransportError(code, `[rabbitmq] ${text}`, { driver: 'rabbitmq', topic });
