import { existsSync, readdirSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { brokers } from '../../test/brokers/index.mjs';
import { inRoot } from './paths.mjs';
import { jest } from './tasks.mjs';

/**
 * @typedef {object} Stage
 * @property {string} name
 * @property {'check' | 'jest' | 'broker-up'} kind
 * @property {string[]} node arguments of Node
 * @property {string} [needs] broker that has to be up
 * @property {string} [alsoIn] chosen together with the stage of this name
 * @property {number} [workers] processes among which Jest shares out the files (default: what Jest takes, which of two processors is one)
 */

/** Runs last: it packs and installs what the other stages have checked. */
const LAST = 'smoke';

/** Processes for the files of a stage. Of two processors Jest would leave one idle. */
const WORKERS = Math.max(2, availableParallelism() - 1);

/**
 * The same on every machine: specs of a broker share its server and mostly wait for it (CONTRIBUTING.md says what they owe each other),
 * those of `smoke` for installs and compilers (what writes dist takes a lock: test/smoke/packed.ts). The bench measures, and is alone.
 * @type {Readonly<Record<string, number>>}
 */
const FIXED_WORKERS = { ...Object.fromEntries(Object.keys(brokers).map((name) => [name, 2])), smoke: 2, bench: 1 };

/** @returns {Stage[]} */
export function findStages() {
  const specs = specFiles();
  const brokerOf = (/** @type {string} */ file) =>
    Object.keys(brokers).find((name) => file.endsWith(`.${name}.spec.ts`) || file.startsWith(`${name}/`));
  const folders = [...new Set(specs.filter((file) => !brokerOf(file)).map((file) => file.split('/')[0] ?? ''))];
  const needed = Object.keys(brokers).filter((name) => specs.some((file) => brokerOf(file) === name));
  const ordinary = folders.filter((name) => name !== LAST);
  return [
    { name: 'type-check', kind: 'check', node: ['node_modules/typescript/bin/tsc', '--noEmit'] },
    { name: 'lint', kind: 'check', node: ['scripts/lint.mjs'] },
    jestStage('unit'),
    ...ordinary.map((name) => jestStage(name)),
    ...needed.map((name) => brokerUp(name)),
    ...needed.map((name) => ({ ...jestStage(name), needs: name })),
    ...folders.filter((name) => name === LAST).map((name) => jestStage(name)),
  ];
}

/** @returns {string[]} relative to test/, with forward slashes */
function specFiles() {
  if (!existsSync(inRoot('test'))) return [];
  const all = readdirSync(inRoot('test'), { recursive: true, encoding: 'utf8' });
  return all
    .map((file) => file.replaceAll('\\', '/'))
    .filter((file) => file.endsWith('.spec.ts') && !file.includes('node_modules/'))
    .sort();
}

/**
 * @param {string} name
 * @returns {Stage}
 */
const jestStage = (name) => {
  const node = [...jest, '--selectProjects', name];
  return { name, kind: 'jest', node, workers: FIXED_WORKERS[name] ?? WORKERS };
};

/**
 * @param {string} name
 * @returns {Stage}
 */
const brokerUp = (name) => ({ name: `${name} up`, kind: 'broker-up', node: [], needs: name, alsoIn: name });
