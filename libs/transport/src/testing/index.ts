/**
 * For tests: a test transport for applications, fault tests for handlers, brokers with injected faults, and the checker that
 * judges a recorded history. Depends on no test runner. The suite that a driver has to pass is `nest-transport/conformance`.
 */
export { faultyBroker, type Faults, type FaultyBroker, type Held } from './faults/faulty-broker.js';
export { unreliableBroker, type UnreliableBroker } from './faults/unreliable-broker.js';
export type { InjectedFault } from './faults/fault-plan.js';
export { UNRELIABLE_DEFAULTS, type FaultKind, type UnreliableOptions } from './faults/unreliable-options.js';
export { wrapBroker, type Interception } from './faults/wrap-broker.js';
export { History, type HistoryEntry, type NothingLostOptions, type PublishOutcome } from './history/history.js';
export { ManualClock } from './manual-clock.js';
export type { Story, SeenDeadLetter, SeenDrop, SeenMessage, SeenOutcome, SeenRetry } from './transport/story.js';
export {
  TestTransport,
  type TestApplication,
  type TestPublishOptions,
  type TestTransportOptions,
} from './transport/test-transport.js';
export { expectIdempotent } from './trials/expect-idempotent.js';
export { expectNothingLost } from './trials/expect-nothing-lost.js';
export {
  TRIAL_DEFAULTS,
  type ApplicationUnderTrial,
  type HandlerUnderTrial,
  type StartTrial,
  type TrialOptions,
} from './trials/trial-options.js';
