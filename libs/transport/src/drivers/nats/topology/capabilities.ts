import type { Capabilities, CapabilityReasons } from '../../../contract/index.js';

/** The capabilities with JetStream, tested with nats-server 2.15.2. See docs/drivers/nats.md. */
export const NATS_CAPABILITIES: Capabilities = {
  groups: 'native',
  /** Lanes in the runner keep the order; JetStream's own order ends when messages are shared or redelivered. */
  orderByKey: 'emulated',
  orderAcrossMembers: 'unsupported',
  orderByPartition: 'unsupported',
  partitions: 'unsupported',
  atLeastOnce: 'native',
  redelivery: 'native',
  /** `-NAK` with a delay, which the server keeps in the consumer. */
  delayedRedelivery: 'native',
  /** The server counts deliveries; attempts within the process are also stored when it closes gracefully. */
  attempts: 'native',
  deadLetter: 'emulated',
  startFromBeginning: 'native',
  startFromTime: 'native',
  startFromOffset: 'native',
  headers: 'native',
  durability: 'native',
  everyInstance: 'native',
  wildcards: 'native',
  /** Message schedules, in streams that allow them. Needs nats-server 2.12. */
  delayedPublish: 'native',
  requestReply: 'native',
};

/** The capabilities with `singleActiveConsumer: true`. */
export const NATS_SINGLE_ACTIVE_CAPABILITIES: Capabilities = { ...NATS_CAPABILITIES, orderAcrossMembers: 'native' };

/** The capabilities with core NATS: at most once, to current subscribers. */
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
  delayedPublish: "core NATS keeps nothing; use mode: 'jetstream'",
};
