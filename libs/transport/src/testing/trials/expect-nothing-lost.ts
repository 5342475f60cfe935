import { runTrial } from './run-trial.js';
import { resolveTrial, type StartTrial, type TrialOptions } from './trial-options.js';

/**
 * Tries whether every message whose publish was confirmed is handled, dropped on purpose, or a dead letter, for every group
 * of its topic, under many seeds of faults.
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
 * @param start makes the handler or the application, anew for each run
 * @throws Error with the seed, what is missing, and the story; `seed` as option replays it
 */
export async function expectNothingLost<In, Out>(
  start: StartTrial<Out>,
  options: TrialOptions<In, Out>,
): Promise<void> {
  const trial = resolveTrial('expectNothingLost()', start, options);
  for (const seed of trial.seeds) {
    const { complaint, story } = await runTrial(trial, seed);
    if (complaint === undefined) continue;
    throw new Error(
      `expectNothingLost: with seed ${seed} something is lost. Replay it with seed: ${seed}.\n${complaint.message}\n${story}`,
    );
  }
}
