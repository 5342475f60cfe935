import { ARRIVAL } from './arrival.js';
import { DEAD_LETTERS } from './dead-letters.js';
import { FAILURE } from './failure.js';
import { LIFECYCLE } from './lifecycle.js';
import { ORDER } from './order.js';
import type { Planted } from './planted.js';
import { PUBLISHING } from './publishing.js';
import { SHARING } from './sharing.js';

/** One broken driver for every promise: the proof that the promise sees. */
export const PLANTED: readonly Planted[] = [
  ...ARRIVAL,
  ...SHARING,
  ...ORDER,
  ...FAILURE,
  ...DEAD_LETTERS,
  ...PUBLISHING,
  ...LIFECYCLE,
];
