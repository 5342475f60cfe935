import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { runChild } from './child.mjs';
import { cleanEnvironment } from './environment.mjs';
import { withLock } from './lock.mjs';
import { inRoot, root } from './paths.mjs';

const STAMP = inRoot('node_modules', '.nest-transport-install');

/** @param {string} line */
const say = (line) => process.stderr.write(`[install] ${line}\n`);

/** Installs the dependencies when they are missing, out of date or half installed; otherwise costs a few milliseconds. */
export async function ensureInstalled() {
  if ((await whyNotInstalled()) === undefined) return;
  // n.b. not in node_modules: `npm ci` deletes that folder.
  const lock = join(tmpdir(), `nest-transport-install-${hash(root).slice(0, 16)}.lock`);
  await withLock(lock, { onWait: (pid) => say(`waiting for the install of process ${pid} ...`) }, async () => {
    const reason = await whyNotInstalled();
    if (reason !== undefined) await install(reason);
  });
}

/**
 * The stamp says for which lockfile and Node the folder was filled. A complete folder that we did not stamp
 * (`npm install some-package` in the middle of the work) is taken as it is; npm writes its own record last of all,
 * so an install that was cut off is not complete.
 * @returns {Promise<string | undefined>} the reason in words; undefined when all is well
 */
export async function whyNotInstalled() {
  if (!existsSync(inRoot('node_modules'))) return 'node_modules is missing';
  const { missing, wrong } = await compareWithLockfile();
  if (missing.length > 0) return `${missing.length} packages are missing, for example ${missing[0]}`;
  if (wrong.length > 0) return `${wrong.length} packages have another version, for example ${wrong[0]}`;
  const stamp = await readFile(STAMP, 'utf8').catch(() => undefined);
  const expected = await expectedStamp();
  if (stamp === expected) return undefined;
  if (stamp !== undefined && runtimeOf(stamp) !== runtimeOf(expected)) {
    return `it was installed for Node ${runtimeOf(stamp)}, this is ${runtimeOf(expected)}`;
  }
  await writeFile(STAMP, expected);
  return undefined;
}

/** @param {string} reason */
async function install(reason) {
  const started = Date.now();
  say(`${reason}: running npm ci ...`);
  await rm(STAMP, { force: true });
  // --include=dev: survives NODE_ENV=production. Everything npm prints goes to stderr: stdout belongs to the command.
  const [command, ...args] = [...npmCommand(), 'ci', '--include=dev', '--loglevel=error', '--no-audit', '--no-fund'];
  const { code, signal } = await runChild(/** @type {string} */ (command), args, {
    cwd: root,
    env: cleanEnvironment(process.env),
    stdio: ['ignore', 2, 2],
  });
  if (code !== 0) throw new InstallFailed(code, signal);
  await writeFile(STAMP, await expectedStamp());
  say(`done in ${((Date.now() - started) / 1000).toFixed(1)} s`);
}

export class InstallFailed extends Error {
  /**
   * @param {number | null} code
   * @param {NodeJS.Signals | null} signal
   */
  constructor(code, signal) {
    super(
      `npm ci ended with ${signal ?? `exit code ${code}`}. Its messages are above. Is the npm registry reachable? Run the same command again to retry.`,
    );
    this.exit = { code: code || 1, signal };
  }
}

/** The npm that started us, by the Node that runs us; else the npm beside that Node; else the one on the PATH. */
export function npmCommand(env = process.env) {
  const beside = dirname(process.execPath);
  const script = [
    env['npm_execpath'],
    join(beside, '..', 'lib', 'node_modules', 'npm', 'bin', 'npm-cli.js'),
    join(beside, 'node_modules', 'npm', 'bin', 'npm-cli.js'),
  ].find((path) => path !== undefined && /npm-cli\.js$/.test(path) && existsSync(path));
  return script === undefined ? ['npm'] : [process.execPath, script];
}

async function expectedStamp() {
  return `${process.version} ${process.platform} ${process.arch}\n${hash(await readFile(inRoot('package-lock.json')))}\n`;
}

/** @param {string} stamp */
const runtimeOf = (stamp) => stamp.split('\n')[0];

/** @param {string | Buffer} data */
const hash = (data) => createHash('sha256').update(data).digest('hex');

/**
 * Compares npm's own record of what it put into node_modules with the lockfile, and looks that the folders are there.
 * Packages for another platform are optional in the lockfile and absent on the disk: they do not count.
 */
async function compareWithLockfile() {
  const wanted = await packagesIn(inRoot('package-lock.json'));
  const present = await packagesIn(inRoot('node_modules', '.package-lock.json'));
  const names = Object.keys(wanted).filter((name) => name.startsWith('node_modules/') && !wanted[name]?.optional);
  return {
    missing: names.filter((name) => !present[name] || !existsSync(inRoot(name))),
    wrong: names.filter((name) => present[name] && present[name].version !== wanted[name]?.version),
  };
}

/**
 * @param {string} file
 * @returns {Promise<Record<string, { version?: string, optional?: boolean }>>}
 */
async function packagesIn(file) {
  const text = await readFile(file, 'utf8').catch(() => '{}');
  return JSON.parse(text).packages ?? {};
}
