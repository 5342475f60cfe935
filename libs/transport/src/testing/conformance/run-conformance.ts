import type { ConformanceOptions, TestRunner } from './options.js';
import type { ConformanceReport, CaseResult } from './report.js';
import { CONFORMANCE_CASES } from './cases/index.js';
import { CONFORMANCE_DEFAULTS } from './options.js';
import { startConformanceCase, type RunningCase } from './run-conformance-case.js';

/** A test may wait several times in a row; its own waits end with a better sentence than the runner's. */
const WAITS_PER_CASE = 6;

/**
 * Checks that a driver keeps every guarantee of the transport. A driver's whole spec:
 *
 * ```ts
 * runConformance({ describe, test, afterEach, afterAll }, { name: 'memory', createBroker: () => memory() });
 * ```
 * Registers one test per conformance case. `native` and `emulated` capabilities must pass their cases; `unsupported` ones must be
 * rejected with their error code. No case is skipped.
 */
export function runConformance(runner: TestRunner, options: ConformanceOptions): void {
  const results: CaseResult[] = [];
  const timeoutMs = (options.deadlineMs ?? CONFORMANCE_DEFAULTS.deadlineMs) * WAITS_PER_CASE;
  let running: RunningCase | undefined;

  runner.describe(`${options.name} keeps the guarantees of the transport`, () => {
    for (const testCase of CONFORMANCE_CASES) {
      const body = async (): Promise<void> => {
        running = startConformanceCase(testCase, options);
        const { thrown, ...result } = await running.result;
        running = undefined;
        results.push(result);
        if (result.outcome === 'failed') throw thrown;
      };
      runner.test(testCase.title, body, timeoutMs);
    }
    // Only a test that the runner timed out still has something to close here.
    runner.afterEach(async () => {
      await running?.close();
      running = undefined;
    });
    runner.afterAll(async () => options.onReport?.(reportOf(options, results)));
  });
}

function reportOf({ name, createBroker }: ConformanceOptions, cases: readonly CaseResult[]): ConformanceReport {
  return { driver: name, capabilities: createBroker().capabilities, cases };
}
