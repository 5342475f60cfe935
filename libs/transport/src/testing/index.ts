/**
 * For those who test: a test transport for applications, trials of handlers under faults, brokers with faults, the suite that
 * a driver has to pass, and the checker that judges a recorded history. Depends on no test runner.
 */
export { runConformance } from './conformance/run-conformance.js';
export { runPromise } from './conformance/run-promise.js';
export { ALL_PROMISES } from './conformance/promises/index.js';
export {
  CONFORMANCE_DEFAULTS,
  type ConformanceOptions,
  type RestartableBroker,
  type TestRunner,
} from './conformance/options.js';
export type { ConformancePromise } from './conformance/promise.js';
export type { ConformanceReport, Outcome, PromiseResult } from './conformance/report.js';
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
