import { mkdtemp, open, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { brokers, BrokerUnavailable } from '../../tools/brokers/index.mjs';
import { runChild } from './child.mjs';
import { INSTALL_VARIABLE, isCi } from './environment.mjs';
import { countsByStage } from './jest-report.mjs';
import { root } from './paths.mjs';
import { groupsOf, WORKERS } from './stages.mjs';
import { jest } from './tasks.mjs';

/** @typedef {import('./stages.mjs').Stage} Stage */
/** @typedef {{ name: string, ms: number, passed: number, failed: number, skipped: number, note?: string }} Result */
/** @typedef {{ passed: number, failed: number, skipped: number, note?: string }} Counts */
/** @typedef {{ installSystemPackages: boolean | undefined, jestArguments: string[] }} Options */

/** Where the brokers are, which of them are ours to stop, and which cannot be had. */
class Brokers {
  /** For every stage. @type {Record<string, string>} */
  common = {};
  /** @type {Record<string, string>} */
  #addresses = {};
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
      if (known === undefined) throw new Error(`tools/brokers/index.mjs knows no broker "${name}".`);
      const broker = await known.use(options);
      this.#stops.push(broker.stop);
      Object.assign(this.#addresses, broker.env);
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

  /**
   * Suites that need no broker do not see that some are up.
   * @param {import('./stages.mjs').Together} group
   */
  envOf(group) {
    return group === 'brokers' ? { ...this.common, ...this.#addresses } : this.common;
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
 * Runs the stages, group by group; a failed one does not keep the next from running, so one call shows everything.
 * Brokers that it started are stopped at the end, after a failure and after Ctrl-C or SIGTERM alike.
 * @param {readonly Stage[]} stages
 * @param {Options} options
 * @returns {Promise<{ results: Result[], signal: NodeJS.Signals | undefined }>} results in the order of the stages
 */
export async function runStages(stages, options) {
  const up = new Brokers();
  if (options.installSystemPackages) up.common[INSTALL_VARIABLE] = '1';
  const interruption = watchSignals();
  /** @type {Result[]} */
  const results = [];
  try {
    for (const group of groupsOf(stages)) {
      if (interruption.signal) break;
      process.stderr.write(`\n=== ${group.map(({ name }) => name).join(', ')}\n`);
      results.push(...(await runGroup(group, up, options)));
    }
  } finally {
    await up.stop();
    interruption.end();
  }
  const places = stages.map(({ name }) => name);
  results.sort((one, other) => places.indexOf(one.name) - places.indexOf(other.name));
  return { results, signal: interruption.signal };
}

/**
 * The Jest stages of a group are one run of Jest, everything else runs beside it.
 * @param {readonly Stage[]} group
 * @param {Brokers} up
 * @param {Options} options
 * @returns {Promise<Result[]>}
 */
async function runGroup(group, up, options) {
  const suites = group.filter(({ kind }) => kind === 'jest');
  const others = group.filter(({ kind }) => kind !== 'jest');
  const results = await Promise.all([
    ...others.map(async (stage) => [await timed(stage.name, () => runOther(stage, up, options))]),
    ...(suites.length === 0 ? [] : [runSuites(suites, up, options)]),
  ]);
  return results.flat();
}

/**
 * @param {string} name
 * @param {() => Promise<Counts>} run
 * @returns {Promise<Result>}
 */
async function timed(name, run) {
  const started = Date.now();
  const counts = await run().catch(asFailure);
  return { name, ms: Date.now() - started, ...counts };
}

/**
 * @param {Stage} stage
 * @param {Brokers} up
 * @param {Options} options
 * @returns {Promise<Counts>}
 */
async function runOther(stage, up, options) {
  if (stage.kind === 'broker-up') return up.up(stage.needs ?? '', options);
  const { code, signal } = await runPrinting(stage, up.common);
  return {
    passed: 0,
    failed: code === 0 ? 0 : 1,
    skipped: 0,
    ...(code === 0 ? {} : { note: `${signal ?? `exit ${code}`}` }),
  };
}

/**
 * Runs a check and prints what it said when it has ended: others run beside it, and lines of two would mix.
 * @param {Stage} stage
 * @param {Record<string, string>} env
 */
async function runPrinting({ name, node }, env) {
  const folder = await mkdtemp(join(tmpdir(), 'nest-transport-check-'));
  try {
    const file = await open(join(folder, 'output'), 'w+');
    const exit = await runNode(node, env, file.fd).finally(() => file.close());
    process.stderr.write(`--- ${name}\n${await readFile(join(folder, 'output'), 'utf8')}`);
    return exit;
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/**
 * @param {readonly Stage[]} suites of one group
 * @param {Brokers} up
 * @param {Options} options
 * @returns {Promise<Result[]>}
 */
async function runSuites(suites, up, options) {
  const why = (/** @type {Stage} */ { needs = '' }) => up.missing[needs];
  const skipped = suites.flatMap((stage) => {
    const missing = why(stage);
    return missing === undefined ? [] : [{ name: stage.name, ms: 0, ...skip(stage, missing) }];
  });
  const runnable = suites.filter((stage) => why(stage) === undefined);
  if (runnable.length === 0) return skipped;
  const counts = await runJest(runnable, up, options.jestArguments).catch(asFailure);
  const ran = runnable.map(({ name }) => ({ name, ms: 0, ...(counts instanceof Map ? counts.get(name) : counts) }));
  return [...skipped, .../** @type {Result[]} */ (ran)];
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
 * @param {readonly Stage[]} stages of one group
 * @param {Brokers} up
 * @param {string[]} jestArguments
 */
async function runJest(stages, up, jestArguments) {
  const folder = await mkdtemp(join(tmpdir(), 'nest-transport-test-'));
  const outputFile = join(folder, 'report.json');
  const names = stages.map(({ name }) => name);
  try {
    const projects = ['--selectProjects', ...names];
    const report = ['--json', `--outputFile=${outputFile}`];
    const group = stages[0]?.together ?? 'sources';
    const args = [...jest, ...projects, ...report, ...workersOf(group, jestArguments), ...jestArguments];
    const { code } = await runNode(args, up.envOf(group));
    return countsByStage(await readFile(outputFile, 'utf8').catch(() => undefined), code, names);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/**
 * @param {import('./stages.mjs').Together} group
 * @param {readonly string[]} jestArguments what the user says of workers is the last word
 */
export const workersOf = (group, jestArguments) =>
  jestArguments.some((argument) => /^(-i|-w|--runInBand|--maxWorkers)\b/.test(argument))
    ? []
    : [`--maxWorkers=${WORKERS[group]}`];

/**
 * @param {readonly string[]} args
 * @param {Record<string, string>} env
 * @param {number} [output] descriptor (default: stderr)
 */
const runNode = (args, env, output = 2) =>
  runChild(process.execPath, args, { cwd: root, env: { ...process.env, ...env }, stdio: ['ignore', output, output] });

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
