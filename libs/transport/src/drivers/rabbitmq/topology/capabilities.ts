import type { Capabilities, CapabilityReasons } from '../../../contract/index.js';

/** Lists what RabbitMQ supports natively and what this driver emulates, tested on RabbitMQ 3.10.8. Details: docs/drivers/rabbitmq.md. */
export const RABBITMQ_CAPABILITIES: Capabilities = Object.freeze({
  /** One queue per group, bound to the exchange. */
  groups: 'native',
  /** By lanes in the runner, because a queue loses its order when a message is requeued. */
  orderByKey: 'emulated',
  /** Members share one queue. With `singleActiveConsumer: true` one is active at a time. */
  orderAcrossMembers: 'unsupported',
  orderByPartition: 'unsupported',
  partitions: 'unsupported',
  atLeastOnce: 'native',
  /** One queue per delay, from which messages return by TTL and dead-lettering. */
  redelivery: 'native',
  delayedRedelivery: 'native',
  /** In a header of delayed messages and in the delivery count of quorum queues. Other counts are written down on a clean close. */
  attempts: 'emulated',
  deadLetter: 'emulated',
  /** A queue starts when it is bound. */
  startFromBeginning: 'unsupported',
  startFromTime: 'unsupported',
  startFromOffset: 'unsupported',
  headers: 'native',
  durability: 'native',
  /** One queue per instance, which is deleted with it. */
  everyInstance: 'native',
  wildcards: 'native',
  /** A ladder of quorum queues with one TTL each, through which the server moves messages. */
  delayedPublish: 'native',
  /** Over a topic of the service, `<service>.reply`, which every instance reads. */
  requestReply: 'emulated',
});

/**
 * Adjusts the capabilities to the options. Wildcards need a topic exchange, and order across members needs a single active consumer.
 * With `provision: false` there are no delay queues: failed messages wait in the process, and delayed publishing is unsupported.
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
