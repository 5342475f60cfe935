/**
 * For tests: a test transport for applications, fault tests for handlers, brokers with injected faults, and checks of a
 * recorded history. Depends on no test runner. The suite that a driver has to pass is `nest-transport/conformance`.
 */
export { scriptedFaults, type Faults, type ScriptedFaultsBroker, type Held } from './faults/scripted-faults.js';
export { randomFaults, type RandomFaultsBroker } from './faults/random-faults.js';
export type { InjectedFault } from './faults/fault-plan.js';
export { RANDOM_FAULTS_DEFAULTS, type FaultKind, type RandomFaultsOptions } from './faults/random-faults-options.js';
export { wrapBroker, type Interception } from './faults/wrap-broker.js';
export { History, type NothingLostOptions } from './history/history.js';
export type { HistoryEntry, PublishOutcome } from './history/history-entry.js';
export { ManualClock } from './manual-clock.js';
export type { Story, SeenDeadLetter, SeenDrop, SeenMessage, SeenOutcome, SeenRetry } from './transport/story.js';
export type { TestApplication } from './transport/test-application.js';
export { TestTransport, type TestPublishOptions, type TestTransportOptions } from './transport/test-transport.js';
export { expectIdempotent } from './fault-tests/expect-idempotent.js';
export { expectNothingLost } from './fault-tests/expect-nothing-lost.js';
export {
  FAULT_TEST_DEFAULTS,
  type ApplicationUnderTest,
  type HandlerUnderTest,
  type StartFaultTest,
  type FaultTestOptions,
} from './fault-tests/fault-test-options.js';
