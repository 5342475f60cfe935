import { relative } from 'node:path';
import { root } from './paths.mjs';
import { stageOf } from './stages.mjs';

/** @typedef {{ passed: number, failed: number, skipped: number, note?: string, ms: number }} Counts */
/** @typedef {{ status: string, name: string, startTime: number, endTime: number, assertionResults: { status: string }[] }} FileReport */

/**
 * Counts come from Jest's own report, not from its words; each file belongs to one stage.
 * @param {string | undefined} text the report of a run of several stages
 * @param {number | null} code with which Jest ended
 * @param {readonly string[]} names of the stages
 * @returns {Map<string, Counts>} `ms` is the time of the stage's files, added up
 */
export function countsByStage(text, code, names) {
  if (text === undefined) {
    const note = `ended with ${code ?? 'a signal'}, no report`;
    return new Map(names.map((name) => [name, { passed: 0, failed: 1, skipped: 0, note, ms: 0 }]));
  }
  /** @type {FileReport[]} */
  const files = JSON.parse(text).testResults;
  const stray = files.find(({ name }) => !names.includes(stageOfReport(name)));
  if (stray !== undefined) throw new Error(`${stray.name} belongs to none of the stages ${names.join(', ')}.`);
  const counts = new Map(
    names.map((name) => [name, countsOf(files.filter((file) => stageOfReport(file.name) === name))]),
  );
  // A runner that failed without a failed test is not green.
  const first = counts.get(names[0] ?? '');
  if (code !== 0 && first !== undefined && [...counts.values()].every(({ failed }) => failed === 0)) {
    Object.assign(first, { failed: 1, note: `exit ${code}` });
  }
  return counts;
}

/** @param {string} path absolute */
const stageOfReport = (path) => stageOf(relative(root, path).replaceAll('\\', '/'));

/**
 * @param {readonly FileReport[]} files of one stage
 * @returns {Counts}
 */
function countsOf(files) {
  const statuses = files.flatMap(({ assertionResults }) => assertionResults.map(({ status }) => status));
  const passed = statuses.filter((status) => status === 'passed').length;
  const failed = statuses.filter((status) => status === 'failed').length + files.filter(isBroken).length;
  const ms = files.reduce((sum, { startTime, endTime }) => sum + (endTime - startTime), 0);
  const counts = { passed, failed, skipped: statuses.length - statuses.filter(hasRun).length, ms };
  // A stage that ran nothing is not green either.
  return statuses.length === 0 && failed === 0 ? { ...counts, failed: 1, note: 'ran no test' } : counts;
}

/** A file that failed outside of its tests: it could not be loaded, or ended its process. @param {FileReport} file */
const isBroken = ({ status, assertionResults }) =>
  status === 'failed' && assertionResults.every((test) => test.status !== 'failed');

/** @param {string} status */
const hasRun = (status) => status === 'passed' || status === 'failed';
