import type { Capabilities, CapabilityReasons } from '../../../contract/index.js';

/** What Kafka does itself, and what this driver adds; tried on Kafka 4.1.1. docs/drivers/kafka.md says how. */
export const KAFKA_CAPABILITIES: Capabilities = {
  groups: 'native',
  /** By lanes in the runner; Kafka's own order is by partition. */
  orderByKey: 'emulated',
  /** A partition belongs to one member; what it left unsettled is read again, in order, before anything newer. */
  orderAcrossMembers: 'native',
  orderByPartition: 'native',
  partitions: 'native',
  atLeastOnce: 'native',
  /** By parking the message in place; Kafka itself can only go back. */
  redelivery: 'emulated',
  /** In a retry topic per tier, which the group reads as well: Kafka has no timer. */
  delayedRedelivery: 'emulated',
  /** In the metadata of the committed offset, as far as its 4,096 bytes reach. */
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
  delayedPublish: 'Kafka has no timer, and hands a message out as soon as it is stored',
};
