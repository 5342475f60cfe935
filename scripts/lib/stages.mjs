import { existsSync, readdirSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { brokers } from '../../tools/brokers/index.mjs';
import { inRoot } from './paths.mjs';

/**
 * @typedef {object} Stage
 * @property {string} name
 * @property {Together} together the stages that run at the same time
 * @property {'check' | 'jest' | 'broker-up'} kind
 * @property {string[]} node arguments of Node, for a check
 * @property {string} [needs] broker that has to be up
 * @property {string} [alsoIn] chosen together with the stage of this name
 */

/**
 * Groups run one after the other, in this order; the stages of one group run at the same time. Jest is started once for a
 * group: its files share the processes, so that no processor is idle at the end of each stage.
 *
 *   checks   type-check, lint, and the brokers, which start meanwhile
 *   bench    measures, and is alone
 *   sources  what needs no broker
 *   brokers  what needs one, and smoke, which packs and installs what was checked before
 *
 * @typedef {'checks' | 'bench' | 'sources' | 'brokers'} Together
 */

const BENCH = 'bench';
/** The last row of the table. */
const LAST = 'smoke';

/**
 * Processes for the files of a group. Of two processors Jest would leave one idle. Specs of a broker mostly wait for it
 * (CONTRIBUTING.md says what those that share its server owe each other), those of `smoke` for installs and compilers
 * (what writes dist takes a lock: test/smoke/packed.ts). Their number is the same on every machine.
 * @type {Readonly<Record<Together, number>>}
 */
export const WORKERS = { checks: 1, bench: 1, sources: Math.max(2, availableParallelism() - 1), brokers: 3 };

/** @returns {Stage[]} in the order of the table */
export function findStages() {
  const specs = specFiles();
  const folders = [...new Set(specs.filter((file) => !brokerOf(file)).map((file) => file.split('/')[0] ?? ''))];
  const needed = Object.keys(brokers).filter((name) => specs.some((file) => brokerOf(file) === name));
  const ordinary = folders.filter((name) => name !== LAST);
  return [
    { name: 'type-check', together: 'checks', kind: 'check', node: ['node_modules/typescript/bin/tsc', '--noEmit'] },
    { name: 'lint', together: 'checks', kind: 'check', node: ['scripts/lint.mjs'] },
    jestStage('unit', 'sources'),
    ...ordinary.map((name) => jestStage(name, name === BENCH ? 'bench' : 'sources')),
    ...needed.map((name) => brokerUp(name)),
    ...needed.map((name) => ({ ...jestStage(name, 'brokers'), needs: name })),
    ...folders.filter((name) => name === LAST).map((name) => jestStage(name, 'brokers')),
  ];
}

/**
 * @param {readonly Stage[]} stages
 * @returns {Stage[][]} those that run at the same time, in the order of running
 */
export const groupsOf = (stages) =>
  /** @type {const} */ (['checks', 'bench', 'sources', 'brokers'])
    .map((together) => stages.filter((stage) => stage.together === together))
    .filter((group) => group.length > 0);

/**
 * @param {string} file of a spec, from the root on, with forward slashes
 * @returns {string} the Jest stage that runs it
 */
export function stageOf(file) {
  const inTest = file.startsWith('test/') ? file.slice('test/'.length) : undefined;
  return inTest === undefined ? 'unit' : (brokerOf(inTest) ?? inTest.split('/')[0] ?? '');
}

/** @param {string} file relative to test/ */
const brokerOf = (file) =>
  Object.keys(brokers).find((name) => file.endsWith(`.${name}.spec.ts`) || file.startsWith(`${name}/`));

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
 * @param {string} name of the project
 * @param {Together} together
 * @returns {Stage}
 */
const jestStage = (name, together) => ({ name, together, kind: 'jest', node: [] });

/**
 * @param {string} name
 * @returns {Stage}
 */
const brokerUp = (name) => ({
  name: `${name} up`,
  together: 'checks',
  kind: 'broker-up',
  node: [],
  needs: name,
  alsoIn: name,
});
