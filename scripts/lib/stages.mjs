import { existsSync, readdirSync } from 'node:fs';
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
 */

/** Runs last: it packs and installs what the other stages have checked. */
const LAST = 'smoke';

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
const jestStage = (name) => ({ name, kind: 'jest', node: [...jest, '--selectProjects', name] });

/**
 * @param {string} name
 * @returns {Stage}
 */
const brokerUp = (name) => ({ name: `${name} up`, kind: 'broker-up', node: [], needs: name, alsoIn: name });
