import { memory } from 'nest-transport/memory';
import { ALL_PROMISES, runPromise, type ConformanceOptions } from 'nest-transport/conformance';
import { alteringBroker } from './altered.js';
import { PLANTED } from './index.js';
import { restartable, unreachable } from './outages.js';

/** Short, because a promise that is broken is often found out by waiting in vain. */
const DEADLINE_MS = 500;
const base = { name: 'planted', deadlineMs: DEADLINE_MS, refusedTopic: 'no spaces please' };

function promiseNamed(name: string) {
  const promise = ALL_PROMISES.find((each) => each.name === name);
  if (promise === undefined) throw new Error(`There is no promise "${name}".`);
  return promise;
}

test('every promise has a driver that breaks it, and no driver breaks a promise that is not there', () => {
  expect([...new Set(PLANTED.map(({ promise }) => promise))].sort()).toEqual(
    ALL_PROMISES.map(({ name }) => name).sort(),
  );
});

test.each(PLANTED)('"$promise" finds a driver that $fault', async ({ promise, createBroker, saying, options }) => {
  const result = await runPromise(promiseNamed(promise), { ...base, createBroker, ...options });
  expect(result).toMatchObject({ outcome: 'broken', error: expect.stringMatching(saying) });
});

// The planted drivers are wrapped; this one is wrapped too and has no fault, so it is the fault that is found.
const sound: ConformanceOptions = {
  ...base,
  deadlineMs: 5_000,
  createBroker: () => alteringBroker(memory(), () => ({})),
  restartable: restartable({ returns: true }),
  absentBroker: () => unreachable({ obeys: true }),
};

test.each(ALL_PROMISES)('a wrapped driver without a fault $title', async (promise) => {
  const createBroker = promise.on === 'restartable' ? restartable({ returns: true }).createBroker : sound.createBroker;
  await expect(runPromise(promise, { ...sound, createBroker })).resolves.toMatchObject({ outcome: 'kept' });
});
