import type { ConformanceOptions, TestRunner } from './options.js';
import type { ConformanceReport, PromiseResult } from './report.js';
import { ALL_PROMISES } from './promises/index.js';
import { CONFORMANCE_DEFAULTS } from './options.js';
import { startPromise, type RunningPromise } from './run-promise.js';

/** A test may wait several times in a row; its own waits end with a better sentence than the runner's. */
const WAITS_PER_PROMISE = 6;

/**
 * Proves that a driver keeps every promise of the transport. A driver's whole spec:
 *
 * ```ts
 * runConformance({ describe, test, afterEach, afterAll }, { name: 'memory', createBroker: () => memory() });
 * ```
 * Registers one test per promise. `native` and `emulated` capabilities must keep theirs, `absent` ones must be refused
 * by code; none is skipped.
 */
export function runConformance(runner: TestRunner, options: ConformanceOptions): void {
  const results: PromiseResult[] = [];
  const timeoutMs = (options.deadlineMs ?? CONFORMANCE_DEFAULTS.deadlineMs) * WAITS_PER_PROMISE;
  let running: RunningPromise | undefined;

  runner.describe(`${options.name} keeps the promises of the transport`, () => {
    for (const promise of ALL_PROMISES) {
      const body = async (): Promise<void> => {
        running = startPromise(promise, options);
        const { thrown, ...result } = await running.result;
        running = undefined;
        results.push(result);
        if (result.outcome === 'broken') throw thrown;
      };
      runner.test(promise.title, body, timeoutMs);
    }
    // Only where the runner lost patience with a test is there still something to end here.
    runner.afterEach(async () => {
      await running?.close();
      running = undefined;
    });
    runner.afterAll(async () => options.onReport?.(reportOf(options, results)));
  });
}

function reportOf({ name, createBroker }: ConformanceOptions, promises: readonly PromiseResult[]): ConformanceReport {
  return { driver: name, capabilities: createBroker().capabilities, promises };
}
