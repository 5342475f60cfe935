import { memory } from 'nest-transport/memory';
import { CONFORMANCE_CASES, runConformanceCase, type ConformanceOptions } from 'nest-transport/conformance';
import { alteringBroker } from './altered.js';
import { PLANTED } from './index.js';
import { restartable, unreachable } from './outages.js';

/** Short, because a promise that is broken is often found out by waiting in vain. */
const DEADLINE_MS = 500;
const base = { name: 'planted', deadlineMs: DEADLINE_MS, refusedTopic: 'no spaces please' };

function promiseNamed(name: string) {
  const testCase = CONFORMANCE_CASES.find((each) => each.name === name);
  if (testCase === undefined) throw new Error(`There is no promise "${name}".`);
  return testCase;
}

test('every promise has a driver that breaks it, and no driver breaks a promise that is not there', () => {
  expect([...new Set(PLANTED.map(({ testCase }) => testCase))].sort()).toEqual(
    CONFORMANCE_CASES.map(({ name }) => name).sort(),
  );
});

test.each(PLANTED)('"$promise" finds a driver that $fault', async ({ testCase, createBroker, saying, options }) => {
  const result = await runConformanceCase(promiseNamed(testCase), { ...base, createBroker, ...options });
  expect(result).toMatchObject({ outcome: 'failed', error: expect.stringMatching(saying) });
});

// The planted drivers are wrapped; this one is wrapped too and has no fault, so it is the fault that is found.
const sound: ConformanceOptions = {
  ...base,
  deadlineMs: 5_000,
  createBroker: () => alteringBroker(memory(), () => ({})),
  restartable: restartable({ returns: true }),
  unreachableBroker: () => unreachable({ obeys: true }),
};

test.each(CONFORMANCE_CASES)('a wrapped driver without a fault $title', async (testCase) => {
  const createBroker = testCase.on === 'restartable' ? restartable({ returns: true }).createBroker : sound.createBroker;
  await expect(runConformanceCase(testCase, { ...sound, createBroker })).resolves.toMatchObject({ outcome: 'passed' });
});
