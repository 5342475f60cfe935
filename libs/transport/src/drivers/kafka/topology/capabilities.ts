import type { Capabilities, CapabilityReasons } from '../../../contract/index.js';

/** Lists what Kafka supports natively and what this driver emulates, tested on Kafka 4.1.1. Details: docs/drivers/kafka.md. */
export const KAFKA_CAPABILITIES: Capabilities = {
  groups: 'native',
  /** By lanes in the runner; Kafka's own order is by partition. */
  orderByKey: 'emulated',
  /** A partition belongs to one member; unsettled messages are read again, in order, before anything newer. */
  orderAcrossMembers: 'native',
  orderByPartition: 'native',
  partitions: 'native',
  atLeastOnce: 'native',
  /** By parking the message in the process; Kafka itself can only seek back. */
  redelivery: 'emulated',
  /** In one retry topic per tier, which the group reads too, because Kafka has no timer. */
  delayedRedelivery: 'emulated',
  /** In the metadata of the committed offset, up to its 4,096 bytes. */
  attempts: 'emulated',
  deadLetter: 'emulated',
  startFromBeginning: 'native',
  startFromTime: 'native',
  startFromOffset: 'native',
  headers: 'native',
  durability: 'native',
  /** A group of one member, whose offsets the driver deletes when it leaves. */
  everyInstance: 'emulated',
  wildcards: 'unsupported',
  delayedPublish: 'unsupported',
  /** Over a topic of the service, `<service>.reply`, which every instance reads. */
  requestReply: 'emulated',
};

export const KAFKA_REASONS: CapabilityReasons = {
  delayedPublish: 'Kafka has no timer and delivers a message as soon as it is stored',
};
