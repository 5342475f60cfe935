import type { Capabilities, CapabilityReasons } from '../../contract/index.js';

/** What NSQ does itself and what this driver adds, tested with nsqd 1.3.0. See docs/drivers/nsq.md. */
export const NSQ_CAPABILITIES: Capabilities = Object.freeze({
  /** Channels. */
  groups: 'native',
  /** NSQ guarantees no order: memory and disk are read in turn, and a retry goes to the end. */
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
  /** The first channel of a topic gets the messages that wait there; later ones get only new messages. */
  startFromBeginning: 'unsupported',
  startFromTime: 'unsupported',
  startFromOffset: 'unsupported',
  /** Headers are in the CloudEvent around the body, because NSQ has none. */
  headers: 'emulated',
  /** nsqd confirms when the message is in its memory. A killed nsqd loses it, and always what is in flight or deferred. */
  durability: 'unsupported',
  /** Each instance has an ephemeral channel. */
  everyInstance: 'native',
  wildcards: 'unsupported',
  /** nsqd can defer a message, but forgets its delivery time when it is restarted. */
  delayedPublish: 'unsupported',
  /** Over the topic `<service>.reply`, which every instance of the service reads. */
  requestReply: 'emulated',
});

/** The capabilities with `envelope: 'none'`: a bare body cannot carry headers. */
export const BARE_CAPABILITIES: Capabilities = Object.freeze({ ...NSQ_CAPABILITIES, headers: 'unsupported' });

export const NSQ_REASONS: CapabilityReasons = Object.freeze({
  delayedPublish:
    'nsqd keeps deferred messages in memory, delivers them before their time when it is restarted and loses them when it is killed',
});
