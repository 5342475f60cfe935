import type { Capabilities } from '../../contract/index.js';

export const MEMORY_CAPABILITIES: Capabilities = Object.freeze({
  groups: 'native',
  orderByKey: 'native',
  orderAcrossMembers: 'native',
  orderByPartition: 'native',
  partitions: 'native',
  atLeastOnce: 'native',
  redelivery: 'native',
  delayedRedelivery: 'native',
  attempts: 'native',
  deadLetter: 'emulated',
  startFromBeginning: 'native',
  startFromTime: 'native',
  startFromOffset: 'native',
  headers: 'native',
  durability: 'unsupported',
  everyInstance: 'native',
  wildcards: 'native',
  delayedPublish: 'native',
  requestReply: 'native',
});
