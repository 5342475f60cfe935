import { memory } from 'nest-transport/memory';
import { runConformance, unreliableBroker } from 'nest-transport/testing';

// Duplicates and lost settlements would break what the suite counts; lateness and another order must not break anything.
runConformance(
  { describe, test, afterEach, afterAll },
  {
    name: 'unreliable',
    createBroker: () => unreliableBroker(memory(), { seed: 4, reorder: 0.5, delay: 0.3, maxDelayMs: 20 }),
  },
);
