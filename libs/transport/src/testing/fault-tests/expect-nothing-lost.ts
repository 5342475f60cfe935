import { runFaultTest } from './fault-test-run.js';
import { resolveFaultTest, type StartFaultTest, type FaultTestOptions } from './fault-test-options.js';

/**
 * Checks that every message with a confirmed publish is handled, dropped on purpose, or dead-lettered by every group of its
 * topic, under many seeds of faults.
 *
 * ```ts
 * await expectNothingLost(
 *   async (options) => {
 *     const transport = await TestTransport.start(Test.createTestingModule({ imports: [AppModule] }), options);
 *     return { transport, state: () => undefined };
 *   },
 *   { event: OrderCreated, payloads: orders },
 * );
 * ```
 * @param start creates a new handler or application for each run
 * @throws Error with the seed, the missing messages, and the trace; pass `seed` as option to replay it
 */
export async function expectNothingLost<In, Out>(
  start: StartFaultTest<Out>,
  options: FaultTestOptions<In, Out>,
): Promise<void> {
  const faultTest = resolveFaultTest('expectNothingLost()', start, options);
  for (const seed of faultTest.seeds) {
    const { complaint, story } = await runFaultTest(faultTest, seed);
    if (complaint === undefined) continue;
    throw new Error(
      `expectNothingLost: with seed ${seed} something is lost. Replay it with seed: ${seed}.\n${complaint.message}\n${story}`,
    );
  }
}
