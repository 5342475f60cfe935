import { spawnSync } from 'node:child_process';
import { stripVTControlCharacters } from 'node:util';
import { BrokerUnavailable } from './unavailable.mjs';

/**
 * @typedef {object} Tool
 * @property {string} command
 * @property {string} debianPackage
 * @property {string[]} versionArgs
 * @property {number} [minimumMajor]
 */

/** @type {Record<'java' | 'mvn' | 'openssl', Tool>} */
export const TOOLS = {
  java: { command: 'java', debianPackage: 'openjdk-17-jre-headless', versionArgs: ['-version'], minimumMajor: 17 },
  mvn: { command: 'mvn', debianPackage: 'maven', versionArgs: ['--version'] },
  openssl: { command: 'openssl', debianPackage: 'openssl', versionArgs: ['version'] },
};

/**
 * @param {Tool} tool
 * @returns {string | undefined} its version line; undefined when it is absent or too old
 */
export function toolVersion(tool) {
  const { status, stdout, stderr } = spawnSync(tool.command, tool.versionArgs, { encoding: 'utf8' });
  if (status !== 0) return undefined;
  const line =
    stripVTControlCharacters(`${stdout}${stderr}`)
      .split('\n')
      .find((text) => /\d/.test(text)) ?? '';
  const major = Number(/(\d+)/.exec(line)?.[1]);
  return tool.minimumMajor && major < tool.minimumMajor ? undefined : line.trim();
}

/**
 * Makes sure that the tools are there. System packages are installed only when asked by name or where CI is set;
 * otherwise the error says the command.
 * @param {string} broker for the message
 * @param {readonly Tool[]} tools
 * @param {{ installSystemPackages: boolean, log: (line: string) => void }} options
 */
export function requireTools(broker, tools, { installSystemPackages, log }) {
  const missing = tools.filter((tool) => toolVersion(tool) === undefined);
  if (missing.length === 0) return;
  if (installSystemPackages) install(missing, log);
  const left = missing.filter((tool) => toolVersion(tool) === undefined);
  if (left.length > 0) throw unavailable(broker, left);
}

/**
 * @param {readonly Tool[]} tools
 * @param {(line: string) => void} log
 */
function install(tools, log) {
  const packages = tools.map((tool) => tool.debianPackage);
  const asRoot = process.getuid?.() === 0 ? [] : ['sudo', '-n'];
  for (const args of [['update'], ['install', '-y', '--no-install-recommends', ...packages]]) {
    const [command, ...rest] = [...asRoot, 'apt-get', ...args];
    log(`${[command, ...rest].join(' ')} ...`);
    spawnSync(/** @type {string} */ (command), rest, {
      stdio: ['ignore', 2, 2],
      env: { ...process.env, DEBIAN_FRONTEND: 'noninteractive' },
    });
  }
}

/**
 * @param {string} broker
 * @param {readonly Tool[]} left
 */
function unavailable(broker, left) {
  const what = left.map(({ command, minimumMajor }) => (minimumMajor ? `${command} >= ${minimumMajor}` : command));
  const packages = left.map((tool) => tool.debianPackage).join(' ');
  return new BrokerUnavailable(
    broker,
    `it needs ${what.join(' and ')}, which this machine lacks`,
    `Run: apt-get install ${packages} (or the same command again with -- --install-system-packages)`,
  );
}
