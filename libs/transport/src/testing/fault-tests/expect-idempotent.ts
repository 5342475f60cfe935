import assert from 'node:assert/strict';
import { isDeepStrictEqual } from 'node:util';
import type { FaultKind, RandomFaultsOptions } from '../faults/random-faults-options.js';
import { runFaultTest, type FaultTestRun } from './fault-test-run.js';
import { resolveFaultTest, type StartFaultTest, type FaultTest, type FaultTestOptions } from './fault-test-options.js';

/**
 * Checks that duplicate, late and reordered deliveries do not change the result: for many seeds, the final state must equal that
 * of exactly one delivery per message. Messages of one key stay in order, as on a broker, unless the subscription has
 * `ordering: 'none'`.
 *
 * ```ts
 * await expectIdempotent(() => {
 *   const shelf = new Map<string, number>();
 *   return { handle: (order) => shelf.set(order.orderId, order.quantity), state: () => shelf };
 * }, { event: OrderCreated, payloads: orders });
 * ```
 * @param start creates a new handler or application, with its state, for each run
 * @throws Error with the seed that shows the difference, both states, and the trace; pass `seed` as option to replay it
 */
export async function expectIdempotent<In, Out>(
  start: StartFaultTest<Out>,
  options: FaultTestOptions<In, Out>,
): Promise<void> {
  const faultTest = resolveFaultTest('expectIdempotent()', start, options);
  let faults = 0;
  for (const seed of faultTest.seeds) {
    const once = await runFaultTest(faultTest, seed, {});
    refuseSilence(once);
    const tried = await runFaultTest(faultTest, seed);
    faults += tried.faults;
    if (tried.complaint !== undefined) throw failed(seed, 'does not come to its end', tried.complaint.message);
    if (!isDeepStrictEqual(tried.state, once.state)) throw await differs(faultTest, seed, once, tried);
  }
  if (faults > 0) return;
  throw new Error(
    'expectIdempotent: no fault hit any message, so nothing was tested. Use more payloads, more runs, or higher fault rates.',
  );
}

/** A handler that never succeeds has the same state however often it is called, so it must succeed without faults. */
function refuseSilence({ handled, complaint, story }: FaultTestRun): void {
  if (complaint !== undefined) throw new Error(`expectIdempotent: without any fault, ${complaint.message}`);
  if (handled > 0) return;
  throw new Error(`expectIdempotent: without any fault, no message was handled, so nothing can be tested.\n${story}`);
}

async function differs<In, Out>(
  faultTest: FaultTest<In, Out>,
  seed: number,
  once: FaultTestRun,
  tried: FaultTestRun,
): Promise<Error> {
  const enough = await enoughAlone(faultTest, seed, once);
  const alone = enough.length === 0 ? '' : `Alone, ${enough.join(' or ')} is enough.\n`;
  const what = 'ends in another state than one delivery of each message';
  return failed(seed, what, `${differenceOf(once.state, tried.state)}\n${alone}${tried.story}`);
}

/** The kinds of faults that make the difference without the others: mostly one, which is then the one to think of. */
async function enoughAlone<In, Out>(
  faultTest: FaultTest<In, Out>,
  seed: number,
  once: FaultTestRun,
): Promise<readonly FaultKind[]> {
  const enough: FaultKind[] = [];
  const { maxDelayMs, ...kinds } = withoutAbsent(faultTest.faults);
  for (const [kind, value] of Object.entries(kinds)) {
    const { state } = await runFaultTest(faultTest, seed, {
      ...(maxDelayMs === undefined ? {} : { maxDelayMs }),
      [kind]: value,
    });
    if (!isDeepStrictEqual(state, once.state)) enough.push(kind as FaultKind);
  }
  return enough;
}

const withoutAbsent = (faults: Omit<RandomFaultsOptions, 'seed'>): Omit<RandomFaultsOptions, 'seed'> =>
  Object.fromEntries(Object.entries(faults).filter(([, value]) => value !== undefined && value !== 0));

function differenceOf(expected: unknown, actual: unknown): string {
  try {
    assert.deepStrictEqual(actual, expected);
    return '';
  } catch (error) {
    return (error as Error).message;
  }
}

const failed = (seed: number, what: string, why: string): Error =>
  new Error(`expectIdempotent: with seed ${seed} it ${what}. Replay it with seed: ${seed}.\n${why}`);
