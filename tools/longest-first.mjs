import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';
import { LONG_SPECS } from './long-specs.mjs';

const require = createRequire(import.meta.url);
/** @type {typeof import('@jest/test-sequencer').default} */
const Sequencer = require('@jest/test-sequencer').default;
const root = fileURLToPath(new URL('../', import.meta.url));

/**
 * Starts the files that take longest first, so that none of them is left over for one process at the end. Jest alone goes by the times of
 * its last run, which a fresh clone does not have, and then by size; but a conformance suite is a file of three lines.
 */
export default class LongestFirst extends Sequencer {
  /**
   * @override
   * @param {import('@jest/test-result').Test[]} tests
   */
  async sort(tests) {
    const byJest = await super.sort(tests);
    const places = new Map(LONG_SPECS.map((file, place) => [`${root}${file}`, place]));
    const placeOf = (/** @type {{ path: string }} */ { path }) => places.get(path) ?? LONG_SPECS.length;
    return [...byJest].sort((one, other) => placeOf(one) - placeOf(other));
  }
}
