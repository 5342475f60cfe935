/**
 * The conformance suite that a driver has to pass, for any test runner with `describe` and `test`. For authors of drivers; an
 * application tests its handlers with `nest-transport/testing`.
 */
export { runConformance } from './run-conformance.js';
export { runPromise } from './run-promise.js';
export { ALL_PROMISES } from './promises/index.js';
export { CONFORMANCE_DEFAULTS, type ConformanceOptions, type RestartableBroker, type TestRunner } from './options.js';
export type { ConformancePromise } from './promise.js';
export type { ConformanceReport, Outcome, PromiseResult } from './report.js';
