import type { Capabilities, CapabilityReasons } from '../../contract/index.js';

/** What NSQ does itself, and what this driver adds; tried on nsqd 1.3.0. docs/drivers/nsq.md says how. */
export const NSQ_CAPABILITIES: Capabilities = Object.freeze({
  /** Channels. */
  groups: 'native',
  /** NSQ is un-ordered by its own word: memory and disk are read in turn, a retry goes to the end. */
  orderByKey: 'unsupported',
  orderAcrossMembers: 'unsupported',
  orderByPartition: 'unsupported',
  partitions: 'unsupported',
  atLeastOnce: 'native',
  /** REQ with a delay. */
  redelivery: 'native',
  /** REQ as well, up to the server's `-max-req-timeout`. */
  delayedRedelivery: 'native',
  /** nsqd counts its deliveries. */
  attempts: 'native',
  deadLetter: 'emulated',
  /** The first channel of a topic gets what waits there, later ones only what comes. */
  startFromBeginning: 'unsupported',
  startFromTime: 'unsupported',
  startFromOffset: 'unsupported',
  /** In the CloudEvent around the body; NSQ has none. */
  headers: 'emulated',
  /** nsqd says OK when the message is in its memory; a killed nsqd forgets it, and what is in flight or deferred always. */
  durability: 'unsupported',
  /** An ephemeral channel for each instance. */
  everyInstance: 'native',
  wildcards: 'unsupported',
  /** nsqd could defer a message, and forgets when to deliver it as soon as it is restarted. */
  delayedPublish: 'unsupported',
  /** Over a topic of the service, `<service>.reply`, which every instance reads. */
  requestReply: 'emulated',
});

/** A bare body has no place for headers. */
export const BARE_CAPABILITIES: Capabilities = Object.freeze({ ...NSQ_CAPABILITIES, headers: 'unsupported' });

export const NSQ_REASONS: CapabilityReasons = Object.freeze({
  delayedPublish:
    'nsqd keeps deferred messages in memory, delivers them before their time when it is restarted and loses them when it is killed',
});
