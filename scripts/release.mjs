// `npm run release -- --dry-run` checks, builds and packs what would be published; `-- --prepare <version>` writes the version
// and its section of the changelog. Nothing is ever published from here: the command it prints is for the CI of the repository.
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { runChild } from './lib/child.mjs';
import { npmCommand } from './lib/install.mjs';
import { inRoot, root } from './lib/paths.mjs';
import { isReleasable, obstacles, publishCommand, withSection } from './lib/release-plan.mjs';

const MANIFEST = inRoot('libs', 'transport', 'package.json');
const CHANGELOG = inRoot('CHANGELOG.md');
const USAGE = 'Usage: npm run release -- --dry-run | --prepare <version>';

/** @returns {import('./lib/release-plan.mjs').Manifest} */
const manifest = () => JSON.parse(readFileSync(MANIFEST, 'utf8'));

/** @param {string} line */
const say = (line) => process.stdout.write(`${line}\n`);

/** @param {readonly string[]} args */
const git = (...args) => execFileSync('git', args, { cwd: root, encoding: 'utf8' }).trimEnd();

/** @param {string} version */
function prepare(version) {
  if (!isReleasable(version))
    throw new Error(`"${version}" is no version to release: 0.1.0 or later, as semver.org has it.`);
  const changelog = withSection(readFileSync(CHANGELOG, 'utf8'), version, new Date().toISOString().slice(0, 10));
  const text = readFileSync(MANIFEST, 'utf8').replace(/("version": ")[^"]*"/, `$1${version}"`);
  writeFileSync(CHANGELOG, changelog);
  writeFileSync(MANIFEST, text);
  say(
    `Wrote version ${version} to libs/transport/package.json and CHANGELOG.md. Run npm install, read both, and commit.`,
  );
}

async function dryRun() {
  const found = obstacles({
    manifest: manifest(),
    changelog: readFileSync(CHANGELOG, 'utf8'),
    status: git('status', '--porcelain'),
    tags: git('tag', '--list').split('\n'),
  });
  if (found.length > 0) throw new Error(found.join('\n'));
  await run('the build', [process.execPath, inRoot('scripts/build-library.mjs')]);
  const folder = mkdtempSync(join(tmpdir(), 'nest-transport-release-'));
  try {
    await check(folder);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** @param {string} folder for the tarball, which is thrown away */
async function check(folder) {
  const [command = 'npm', ...args] = npmCommand();
  const pack = [...args, 'pack', '--json', '--ignore-scripts', '--pack-destination', folder];
  const packed = execFileSync(command, pack, {
    cwd: inRoot('libs', 'transport'),
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const [{ filename, entryCount }] = JSON.parse(packed);
  const tarball = join(folder, filename);
  await run('publint', [process.execPath, bin('publint', 'src/cli.js'), 'run', '--strict', tarball]);
  await run('attw', [
    process.execPath,
    bin('@arethetypeswrong/cli', 'dist/index.js'),
    '--format',
    'table-flipped',
    '--profile',
    'strict',
    tarball,
  ]);
  const { name, version } = manifest();
  say(`Would publish ${name}@${version}: ${entryCount} files, ${Math.ceil(statSync(tarball).size / 1024)} KiB packed.`);
  say(`In the CI of the repository, in a job with "id-token: write": ${publishCommand(manifest(), filename)}`);
  say(`Then: git tag v${version} && git push origin v${version}`);
  say('Dry run: nothing was published, tagged or pushed.');
}

/** @param {string} name @param {string} file */
const bin = (name, file) => inRoot('node_modules', ...name.split('/'), ...file.split('/'));

/**
 * @param {string} what
 * @param {readonly [string, ...string[]]} command
 */
async function run(what, [command, ...args]) {
  const { code } = await runChild(command, args, { cwd: root });
  if (code !== 0) throw new Error(`${what} ended with exit code ${code}. Nothing would be published.`);
  say(`${what}: ok`);
}

try {
  const { values } = parseArgs({ options: { 'dry-run': { type: 'boolean' }, prepare: { type: 'string' } } });
  if (values.prepare !== undefined) prepare(values.prepare);
  else if (values['dry-run']) await dryRun();
  else throw new Error(`Publishing is done by the CI of the repository only. ${USAGE}`);
} catch (error) {
  process.stderr.write(`[release] ${error instanceof Error ? error.message : error}\n`);
  process.exitCode = 1;
}
