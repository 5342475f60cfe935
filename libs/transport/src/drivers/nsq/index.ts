/** The NSQ driver. Imports the contract; its client is in `client/`. */
import {
  type Broker,
  type BrokerConnection,
  type BrokerHost,
  type Capabilities,
  type Subscription,
} from '../../contract/index.js';
import { valueText } from '../../shared/index.js';
import { BARE_CAPABILITIES, NSQ_CAPABILITIES, NSQ_REASONS } from './capabilities.js';
import { nameProblem } from './client/index.js';
import { NsqConnection } from './connection.js';
import { channelOf } from './receiving/intake.js';
import { checkTopicName, errorOf } from './mapping.js';
import { NSQ_DEFAULTS, resolveNsqOptions, type NsqOptions, type ResolvedNsqOptions } from './options.js';

export { NSQ_CAPABILITIES } from './capabilities.js';
export type { NsqRecord } from './receiving/delivery.js';
export { NSQ_DEFAULTS, type NsqCompression, type NsqEnvelope, type NsqOptions, type NsqTlsOptions } from './options.js';

/**
 * Creates an NSQ broker.
 * @throws TransportError `TRANSPORT_OPTION_UNKNOWN`, `TRANSPORT_OPTION_INVALID`, `TRANSPORT_OPTION_CONFLICT`
 */
export function nsq(options: NsqOptions): Broker {
  return new NsqBroker(resolveNsqOptions(options));
}

class NsqBroker implements Broker {
  readonly driver = 'nsq';
  readonly capabilities: Capabilities;
  readonly unsupportedBecause = NSQ_REASONS;
  // Private fields keep the secret out of logs of this object.
  readonly #options: ResolvedNsqOptions;

  constructor(options: ResolvedNsqOptions) {
    this.#options = options;
    this.capabilities = options.envelope === 'none' ? BARE_CAPABILITIES : NSQ_CAPABILITIES;
  }

  checkSubscription(subscription: Subscription): void {
    const { topic } = subscription;
    checkTopicName(topic);
    this.#checkWaits(subscription);
    const channel = channelOf(subscription);
    const problem = nameProblem(channel);
    if (problem === undefined) return;
    throw errorOf('TRANSPORT_GROUP_INVALID', `channel "${channel}" of "${topic}" cannot be used: ${problem}.`, {
      topic,
    });
  }

  #checkWaits({ topic, group, redeliveryDelaysMs = [] }: Subscription): void {
    const { maxRequeueDelayMs } = this.#options;
    const index = redeliveryDelaysMs.findIndex((waitMs) => waitMs > maxRequeueDelayMs);
    if (index === -1) return;
    const text = `subscription "${topic}" of group "${group}": retry.redeliveryDelaysMs[${index}] (${redeliveryDelaysMs[index]}) must not be above maxRequeueDelayMs (${valueText(maxRequeueDelayMs, NSQ_DEFAULTS.maxRequeueDelayMs)}) of nsq(): nsqd would redeliver the message earlier. Use shorter delays, or raise maxRequeueDelayMs together with nsqd's -max-req-timeout.`;
    throw errorOf('TRANSPORT_OPTION_CONFLICT', text, { topic });
  }

  open(host: BrokerHost): BrokerConnection {
    return new NsqConnection(host, this.#options);
  }
}
