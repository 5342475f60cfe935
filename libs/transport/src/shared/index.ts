/** Helpers that drivers and the core have in common. Imports the contract only. */
export * from './after-this-turn.js';
export * from './fifo.js';
export * from './json-codec.js';
export { holdsDate, lostOf } from './json-values.js';
export * from './missing-topics.js';
export * from './options.js';
export * from './peers.js';
export * from './start-from-rules.js';
export * from './system-clock.js';
export * from './start-advice.js';
