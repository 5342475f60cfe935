import type { Capabilities } from '../../contract/index.js';

export const MEMORY_CAPABILITIES: Capabilities = Object.freeze({
  groups: 'native',
  orderByKey: 'native',
  orderByPartition: 'native',
  partitions: 'native',
  redelivery: 'native',
  attempts: 'native',
  deadLetter: 'emulated',
  startFromBeginning: 'native',
  headers: 'native',
  durability: 'absent',
  requestReply: 'native',
});
