/**
 * For those who test: the suite that a driver has to pass, a broker with faults to switch on, and the checker that
 * judges a recorded history. Depends on no test runner.
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
export { wrapBroker, type Interception } from './faults/wrap-broker.js';
export { History, type HistoryEntry, type NothingLostOptions, type PublishOutcome } from './history/history.js';
