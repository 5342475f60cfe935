import type { Capabilities, CapabilityReasons } from '../../../contract/index.js';

/** JetStream, tried on nats-server 2.15.2. docs/drivers/nats.md says how. */
export const NATS_CAPABILITIES: Capabilities = {
  groups: 'native',
  /** By lanes in the runner; JetStream's own order ends where messages are shared or come again. */
  orderByKey: 'emulated',
  orderAcrossMembers: 'unsupported',
  orderByPartition: 'unsupported',
  partitions: 'unsupported',
  atLeastOnce: 'native',
  redelivery: 'native',
  /** -NAK with a delay, which the consumer keeps on the server. */
  delayedRedelivery: 'native',
  /** By the server's count of deliveries; attempts within the process are noted beside it when the process ends in order. */
  attempts: 'native',
  deadLetter: 'emulated',
  startFromBeginning: 'native',
  startFromTime: 'native',
  startFromOffset: 'native',
  headers: 'native',
  durability: 'native',
  everyInstance: 'native',
  wildcards: 'native',
  /** By message schedules, in streams that allow them; needs nats-server 2.12. */
  delayedPublish: 'native',
  requestReply: 'native',
};

/** With `singleActiveConsumer: true`. */
export const NATS_SINGLE_ACTIVE_CAPABILITIES: Capabilities = { ...NATS_CAPABILITIES, orderAcrossMembers: 'native' };

/** Core NATS: whoever listens gets it, once or never. */
export const NATS_CORE_CAPABILITIES: Capabilities = {
  groups: 'native',
  orderByKey: 'emulated',
  orderAcrossMembers: 'unsupported',
  orderByPartition: 'unsupported',
  partitions: 'unsupported',
  atLeastOnce: 'unsupported',
  redelivery: 'unsupported',
  delayedRedelivery: 'unsupported',
  attempts: 'unsupported',
  deadLetter: 'unsupported',
  startFromBeginning: 'unsupported',
  startFromTime: 'unsupported',
  startFromOffset: 'unsupported',
  headers: 'native',
  durability: 'unsupported',
  everyInstance: 'native',
  wildcards: 'native',
  delayedPublish: 'unsupported',
  requestReply: 'native',
};

export const NATS_REASONS: CapabilityReasons = {
  delayedPublish: "core NATS keeps nothing; mode: 'jetstream' does",
};
