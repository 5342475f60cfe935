import { memory } from 'nest-transport/memory';
import { CONFORMANCE_CASES, runConformance, runConformanceCase } from 'nest-transport/conformance';
import { randomFaults } from 'nest-transport/testing';

// Without faults it has to be as good as the broker behind it.
runConformance(
  { describe, test, afterEach, afterAll },
  { name: 'unreliable', createBroker: () => randomFaults(memory()) },
);

// n.b. not every promise: the suite counts handlers, and some of its tests wait for what a late message would keep back.
const ABOUT_ORDER: readonly string[] = [
  'many-publishers-and-subscribers',
  'members-come-and-go',
  'order-per-key-under-concurrency',
  'order-per-key-under-redelivery',
  'order-per-key-across-members',
  'order-of-a-partition',
  'types-of-one-topic-keep-their-order',
  'failure-is-not-passed-by-later-success',
];

describe('an unreliable broker whose messages come late and pass each other', () => {
  const cases = CONFORMANCE_CASES.filter(({ name }) => ABOUT_ORDER.includes(name));

  it.each(cases.map((testCase) => [testCase.title, testCase] as const))('%s', async (_title, testCase) => {
    const createBroker = () => randomFaults(memory(), { reorder: 0.5, delay: 0.3, maxDelayMs: 20 });
    const { outcome, error } = await runConformanceCase(testCase, { name: 'unreliable', createBroker });
    expect([outcome, error]).toEqual(['passed', undefined]);
  });

  it('is asked for every promise that this list names', () => {
    expect(cases.map(({ name }) => name).sort()).toEqual([...ABOUT_ORDER].sort());
  });
});
