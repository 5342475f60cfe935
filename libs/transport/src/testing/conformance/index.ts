/**
 * The conformance suite that a driver has to pass, for any test runner with `describe` and `test`. For authors of drivers; an
 * application tests its handlers with `nest-transport/testing`.
 */
export { runConformance } from './run-conformance.js';
export { runConformanceCase } from './run-conformance-case.js';
export { CONFORMANCE_CASES } from './cases/index.js';
export { CONFORMANCE_DEFAULTS, type ConformanceOptions, type RestartableBroker, type TestRunner } from './options.js';
export type { ConformanceCase } from './conformance-case.js';
export type { ConformanceReport, Outcome, CaseResult } from './report.js';
