import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { brokers, BrokerUnavailable } from '../../test/brokers/index.mjs';
import { runChild } from './child.mjs';
import { INSTALL_VARIABLE, isCi } from './environment.mjs';
import { root } from './paths.mjs';

/** @typedef {import('./stages.mjs').Stage} Stage */
/** @typedef {{ name: string, ms: number, passed: number, failed: number, skipped: number, note?: string }} Result */
/** @typedef {{ passed: number, failed: number, skipped: number, note?: string }} Counts */
/** @typedef {{ installSystemPackages: boolean | undefined, jestArguments: string[] }} Options */

/** Where the brokers are, which of them are ours to stop, and which cannot be had. */
class Brokers {
  /** @type {Record<string, string>} */
  env = {};
  /** @type {Record<string, string>} */
  missing = {};
  /** @type {(() => Promise<void>)[]} */
  #stops = [];

  /**
   * @param {string} name
   * @param {Options} options
   * @returns {Promise<Counts>}
   */
  async up(name, { installSystemPackages }) {
    const options = installSystemPackages === undefined ? {} : { installSystemPackages };
    try {
      const known = brokers[name];
      if (known === undefined) throw new Error(`test/brokers/index.mjs knows no broker "${name}".`);
      const broker = await known.use(options);
      this.#stops.push(broker.stop);
      Object.assign(this.env, broker.env);
      const lacks = await lackOfSuites(known.prepareSuites(options));
      return {
        passed: 0,
        failed: 0,
        skipped: 0,
        note: `${broker.source}: ${Object.values(broker.env).join(' ')}${lacks}`,
      };
    } catch (error) {
      if (!(error instanceof BrokerUnavailable)) throw error;
      this.missing[name] = error.message;
      if (!isCi()) return { passed: 0, failed: 0, skipped: 0, note: 'missing' };
      process.stderr.write(`${error.message}\n`);
      return { passed: 0, failed: 1, skipped: 0, note: 'missing, and CI is set' };
    }
  }

  async stop() {
    await Promise.all(this.#stops.splice(0).map((stop) => stop()));
  }
}

/**
 * What the suites need is built and installed before they run: a compiler beside them would upset those that look at time.
 * Without it the suites that need it say so themselves.
 * @param {Promise<unknown>} preparation
 * @returns {Promise<string>} for the note; '' when nothing lacks
 */
async function lackOfSuites(preparation) {
  try {
    await preparation;
    return '';
  } catch (error) {
    if (!(error instanceof BrokerUnavailable) || isCi()) throw error;
    process.stderr.write(`${error.message}\n`);
    return ', without all that its suites need';
  }
}

/**
 * Runs the stages in order; a failed one does not keep the next from running, so one call shows everything.
 * Brokers that it started are stopped at the end, after a failure and after Ctrl-C or SIGTERM alike.
 * @param {readonly Stage[]} stages
 * @param {Options} options
 * @returns {Promise<{ results: Result[], signal: NodeJS.Signals | undefined }>}
 */
export async function runStages(stages, options) {
  const up = new Brokers();
  if (options.installSystemPackages) up.env[INSTALL_VARIABLE] = '1';
  const interruption = watchSignals();
  /** @type {Result[]} */
  const results = [];
  try {
    for (const stage of stages) {
      if (interruption.signal) break;
      process.stderr.write(`\n=== ${stage.name}\n`);
      const started = Date.now();
      const counts = await runStage(stage, up, options).catch(asFailure);
      results.push({ name: stage.name, ms: Date.now() - started, ...counts });
    }
  } finally {
    await up.stop();
    interruption.end();
  }
  return { results, signal: interruption.signal };
}

/**
 * @param {Stage} stage
 * @param {Brokers} up
 * @param {Options} options
 * @returns {Promise<Counts>}
 */
async function runStage(stage, up, options) {
  if (stage.kind === 'broker-up') return up.up(stage.needs ?? '', options);
  const missing = up.missing[stage.needs ?? ''];
  if (missing !== undefined) return skip(stage, missing);
  if (stage.kind === 'jest') return runJest(stage, up.env, options.jestArguments);
  const { code, signal } = await runNode(stage.node, up.env);
  return {
    passed: 0,
    failed: code === 0 ? 0 : 1,
    skipped: 0,
    ...(code === 0 ? {} : { note: `${signal ?? `exit ${code}`}` }),
  };
}

/**
 * @param {Stage} stage
 * @param {string} why
 * @returns {Counts}
 */
function skip(stage, why) {
  process.stdout.write(`SKIPPED ${stage.name}: ${why}\n`);
  return { passed: 0, failed: 0, skipped: 1, note: 'broker missing' };
}

/**
 * Counts come from Jest's own report, not from its words.
 * @param {Stage} stage
 * @param {Record<string, string>} env
 * @param {string[]} jestArguments
 * @returns {Promise<Counts>}
 */
async function runJest(stage, env, jestArguments) {
  const folder = await mkdtemp(join(tmpdir(), 'nest-transport-test-'));
  const outputFile = join(folder, 'report.json');
  try {
    const report = ['--json', `--outputFile=${outputFile}`];
    const { code } = await runNode(
      [...stage.node, ...report, ...workersOf(stage, jestArguments), ...jestArguments],
      env,
    );
    return countsOf(await readFile(outputFile, 'utf8').catch(() => undefined), code);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/**
 * @param {Pick<Stage, 'workers'>} stage
 * @param {string[]} jestArguments what the user says of workers is the last word
 */
export const workersOf = ({ workers }, jestArguments) =>
  workers === undefined || jestArguments.some((argument) => /^(-i|-w|--runInBand|--maxWorkers)\b/.test(argument))
    ? []
    : [`--maxWorkers=${workers}`];

/**
 * @param {string | undefined} text Jest's report
 * @param {number | null} code
 * @returns {Counts}
 */
export function countsOf(text, code) {
  if (text === undefined)
    return { passed: 0, failed: 1, skipped: 0, note: `ended with ${code ?? 'a signal'}, no report` };
  const report = JSON.parse(text);
  const counts = {
    passed: report.numPassedTests,
    failed: report.numFailedTests + report.numRuntimeErrorTestSuites,
    skipped: report.numPendingTests + report.numTodoTests,
  };
  // A runner that ran nothing, or failed without a failed test, is no green stage.
  if (counts.passed + counts.failed + counts.skipped === 0) return { ...counts, failed: 1, note: 'ran no test' };
  if (code !== 0 && counts.failed === 0) return { ...counts, failed: 1, note: `exit ${code}` };
  return counts;
}

/**
 * @param {string[]} args
 * @param {Record<string, string>} env
 */
const runNode = (args, env) =>
  runChild(process.execPath, args, { cwd: root, env: { ...process.env, ...env }, stdio: ['ignore', 2, 2] });

/**
 * @param {unknown} error
 * @returns {Counts}
 */
function asFailure(error) {
  process.stderr.write(`${error instanceof Error ? error.stack : String(error)}\n`);
  return { passed: 0, failed: 1, skipped: 0, note: 'broke' };
}

/** Remembers the signal that asked us to end; until the brokers are down we stay. */
function watchSignals() {
  /** @type {{ signal: NodeJS.Signals | undefined, end: () => void }} */
  const state = { signal: undefined, end: () => undefined };
  const names = /** @type {const} */ (['SIGINT', 'SIGTERM', 'SIGHUP']);
  /** @param {NodeJS.Signals} name */
  const remember = (name) => (state.signal ??= name);
  for (const name of names) process.on(name, remember);
  state.end = () => names.forEach((name) => process.off(name, remember));
  return state;
}
