import { CONFORMANCE_CASES, runConformanceCase, type CaseResult } from 'nest-transport/conformance';
import { loadMutant } from './load-mutant.js';
import { MUTANTS, type Mutant } from './mutants.js';

/** Short, because most mutants are found by waiting in vain. */
const DEADLINE_MS = 500;

test('there are enough mutants, and each is in a case that exists', () => {
  const names = CONFORMANCE_CASES.map(({ name }) => name);
  expect(MUTANTS.length).toBeGreaterThanOrEqual(40);
  expect(MUTANTS.flatMap(({ seenBy }) => seenBy).filter((name) => !names.includes(name))).toEqual([]);
});

test.each(MUTANTS)('a case fails when $file has "$to" instead of "$from"', async (mutant) => {
  expect((await resultsOf(mutant)).map(({ outcome }) => outcome)).toContain('failed');
});

/** Up to the first case that is broken. */
async function resultsOf(mutant: Mutant): Promise<CaseResult[]> {
  const { memory } = await loadMutant(mutant);
  const options = { name: 'mutant', deadlineMs: DEADLINE_MS, refusedTopic: 'no spaces please' };
  const results: CaseResult[] = [];
  for (const testCase of CONFORMANCE_CASES.filter(({ name }) => mutant.seenBy.includes(name))) {
    results.push(await runConformanceCase(testCase, { ...options, createBroker: () => memory() }));
    if (results.at(-1)?.outcome === 'failed') break;
  }
  return results;
}
