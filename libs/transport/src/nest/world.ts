import { type Clock } from '../contract/index.js';
import { systemClock } from '../shared/index.js';

/** Time and randomness of an application; a test passes its own. */
export interface World {
  readonly clock: Clock;
  /** A number in [0, 1), for the jitter of delays. */
  readonly random: () => number;
}

export const REAL_WORLD: World = { clock: systemClock, random: Math.random };
