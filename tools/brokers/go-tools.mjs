import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { cacheFolder } from '../../scripts/lib/paths.mjs';
import { filledFolder, isComplete } from './cached-folder.mjs';
import { runTool } from './run-tool.mjs';
import { requireTools, TOOLS } from './toolchain.mjs';
import { BrokerUnavailable } from './unavailable.mjs';

/**
 * @typedef {object} GoTools programs of one Go module, built once per machine
 * @property {string} broker for messages
 * @property {string} name of the folder in the cache, together with the version
 * @property {string} module
 * @property {string} version with the "v"
 * @property {string[]} packages to build, relative to the module; '' is the module itself
 * @property {string[]} [replace] lines for go.mod that the module's own go.mod needs to compile
 */

/**
 * @typedef {object} PrepareOptions
 * @property {boolean} installSystemPackages
 * @property {(line: string) => void} log
 */

/** @param {GoTools} tools */
export const goToolsFolder = ({ name, version }, env = process.env) =>
  join(cacheFolder(env), `${name}-${version.replace(/^v/, '')}`);

/** @param {GoTools} tools */
const cached = (tools, env = process.env) => ({
  folder: goToolsFolder(tools, env),
  content: 'bin',
  list: 'programs.json',
});

/** @param {GoTools} tools */
export const hasGoTools = (tools, env = process.env) => isComplete(cached(tools, env));

/**
 * The folder of the programs, built by `go install` when it is not there yet.
 * @param {GoTools} tools
 * @param {PrepareOptions} options
 * @returns {Promise<string>}
 * @throws {BrokerUnavailable} when Go is absent or too old, or the module cannot be had
 */
export function goTools(tools, options) {
  const { broker, name, version } = tools;
  return filledFolder(cached(tools), {
    fill: (aside) => build(tools, aside),
    doing: `building ${name} ${version}`,
    done: `${name} ${version} built`,
    cost: 'a minute, once',
    log: options.log,
    before: () => requireTools(broker, [TOOLS.go], options),
  });
}

/**
 * @param {GoTools} tools
 * @param {string} aside
 */
async function build(tools, aside) {
  await writeFile(join(aside, 'go.mod'), goMod(tools));
  const env = { ...process.env, GOBIN: join(aside, 'bin'), GOFLAGS: '-mod=mod -buildvcs=false', CGO_ENABLED: '0' };
  const failure = await runTool('go', ['install', 'tool'], { cwd: aside, env });
  if (failure) throw new BrokerUnavailable(tools.broker, failure, 'Is the Go module proxy reachable? Try again.');
}

/** @param {GoTools} tools */
function goMod({ module, version, packages, replace = [] }) {
  return [
    'module nest-transport-tools',
    'go 1.26',
    ...packages.map((path) => `tool ${path ? `${module}/${path}` : module}`),
    `require ${module} ${version}`,
    ...replace.map((line) => `replace ${line}`),
    '',
  ].join('\n');
}
