/** WHAT is promised: the words every other room speaks. Imports nothing. */
export * from './broker.js';
export * from './capabilities.js';
export * from './clock.js';
export * from './codec.js';
export * from './delivery.js';
export * from './errors.js';
export * from './event-definition.js';
export * from './fifo.js';
export * from './message.js';
export * from './notices.js';
export * from './options.js';
export * from './peers.js';
export * from './reply.js';
export * from './schema.js';
export * from './settlement.js';
export * from './subscription.js';
export * from './topic-pattern.js';
