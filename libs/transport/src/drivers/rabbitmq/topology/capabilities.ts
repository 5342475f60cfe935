import type { Capabilities, CapabilityReasons } from '../../../contract/index.js';

/** What RabbitMQ does itself, and what this driver adds; tried on RabbitMQ 3.10.8. docs/drivers/rabbitmq.md says how. */
export const RABBITMQ_CAPABILITIES: Capabilities = Object.freeze({
  /** A queue each, bound to the exchange. */
  groups: 'native',
  /** By lanes in the runner; a queue's own order ends where a message is given back. */
  orderByKey: 'emulated',
  /** Members share one queue; `singleActiveConsumer: true` lets one work at a time. */
  orderAcrossMembers: 'unsupported',
  orderByPartition: 'unsupported',
  partitions: 'unsupported',
  atLeastOnce: 'native',
  /** A queue per delay, from which messages come back by time to live and dead-letter routing. */
  redelivery: 'native',
  delayedRedelivery: 'native',
  /** In a header of what was delayed, and by the quorum queue's own count; what else was counted is noted when the process ends in order. */
  attempts: 'emulated',
  deadLetter: 'emulated',
  /** A queue begins when it is bound. */
  startFromBeginning: 'unsupported',
  startFromTime: 'unsupported',
  startFromOffset: 'unsupported',
  headers: 'native',
  durability: 'native',
  /** A queue for each instance, that ends with it. */
  everyInstance: 'native',
  wildcards: 'native',
  /** A ladder of quorum queues with a time to live each, down which the server moves messages. */
  delayedPublish: 'native',
  /** Over a topic of the service, `<service>.reply`, which every instance reads. */
  requestReply: 'emulated',
});

/**
 * What differs by option: patterns are the topic exchange's, order across members needs one active consumer, and where
 * nothing may be declared there are no queues for delays: what failed waits in the process, and nothing is published for later.
 */
export function capabilitiesOf(options: {
  readonly exchangeType: 'topic' | 'direct' | 'fanout';
  readonly singleActiveConsumer: boolean;
  readonly provision: boolean;
}): Capabilities {
  return Object.freeze({
    ...RABBITMQ_CAPABILITIES,
    redelivery: options.provision ? 'native' : 'emulated',
    delayedRedelivery: options.provision ? 'native' : 'unsupported',
    delayedPublish: options.provision ? 'native' : 'unsupported',
    wildcards: options.exchangeType === 'topic' ? 'native' : 'unsupported',
    orderAcrossMembers: options.singleActiveConsumer ? 'native' : 'unsupported',
  });
}

export const RABBITMQ_REASONS: CapabilityReasons = Object.freeze({
  delayedRedelivery: 'a failed message waits in queues of the driver, and with provision: false it declares none',
  delayedPublish: 'a delayed message waits in queues of the driver, and with provision: false it declares none',
});
