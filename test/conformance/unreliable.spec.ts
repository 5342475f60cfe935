import { memory } from 'nest-transport/memory';
import { ALL_PROMISES, runConformance, runPromise } from 'nest-transport/conformance';
import { unreliableBroker } from 'nest-transport/testing';

// Without faults it has to be as good as the broker behind it.
runConformance(
  { describe, test, afterEach, afterAll },
  { name: 'unreliable', createBroker: () => unreliableBroker(memory()) },
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
  const promises = ALL_PROMISES.filter(({ name }) => ABOUT_ORDER.includes(name));

  it.each(promises.map((promise) => [promise.title, promise] as const))('%s', async (_title, promise) => {
    const createBroker = () => unreliableBroker(memory(), { reorder: 0.5, delay: 0.3, maxDelayMs: 20 });
    const { outcome, error } = await runPromise(promise, { name: 'unreliable', createBroker });
    expect([outcome, error]).toEqual(['kept', undefined]);
  });

  it('is asked for every promise that this list names', () => {
    expect(promises.map(({ name }) => name).sort()).toEqual([...ABOUT_ORDER].sort());
  });
});
