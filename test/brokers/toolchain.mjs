import { spawnSync } from 'node:child_process';
import { stripVTControlCharacters } from 'node:util';
import { installPackages } from './apt.mjs';
import { findProgram } from './find-program.mjs';
import { epmdProgram, rabbitmqServer } from './rabbitmq/program.mjs';
import { BrokerUnavailable } from './unavailable.mjs';

/**
 * @typedef {object} Tool
 * @property {string} command
 * @property {string} debianPackage
 * @property {string[]} versionArgs
 * @property {() => string | undefined} [find] where it is, for a program that tells no version at once
 * @property {string} [minimum] version, for example "17" or "1.25"
 */

/** @type {Record<'java' | 'mvn' | 'openssl' | 'go' | 'rabbitmq' | 'epmd' | 'kcat' | 'pip' | 'chromium', Tool>} */
export const TOOLS = {
  java: { command: 'java', debianPackage: 'openjdk-17-jre-headless', versionArgs: ['-version'], minimum: '17' },
  mvn: { command: 'mvn', debianPackage: 'maven', versionArgs: ['--version'] },
  openssl: { command: 'openssl', debianPackage: 'openssl', versionArgs: ['version'] },
  go: { command: 'go', debianPackage: 'golang-go', versionArgs: ['version'], minimum: '1.26' },
  rabbitmq: { command: 'rabbitmq-server', debianPackage: 'rabbitmq-server', versionArgs: [], find: rabbitmqServer },
  epmd: { command: 'epmd', debianPackage: 'erlang-base', versionArgs: [], find: epmdProgram },
  chromium: {
    command: 'chromium',
    debianPackage: 'chromium-headless-shell',
    versionArgs: [],
    find: () => findProgram(['chromium-headless-shell', 'chromium', 'chromium-browser', 'google-chrome']),
  },
  kcat: { command: 'kcat', debianPackage: 'kcat', versionArgs: ['-V'] },
  pip: { command: 'python3', debianPackage: 'python3-pip', versionArgs: ['-m', 'pip', '--version'] },
};

/**
 * @param {Tool} tool
 * @returns {string | undefined} its version line, or where it is; undefined when it is absent or too old
 */
export function toolVersion(tool) {
  if (tool.find) return tool.find();
  const { status, stdout, stderr } = spawnSync(tool.command, tool.versionArgs, { encoding: 'utf8' });
  if (status !== 0) return undefined;
  const line =
    stripVTControlCharacters(`${stdout}${stderr}`)
      .split('\n')
      .find((text) => /\d/.test(text)) ?? '';
  const version = /\d+(\.\d+)*/.exec(line)?.[0] ?? '';
  return tool.minimum && isOlder(version, tool.minimum) ? undefined : line.trim();
}

/**
 * @param {string} version
 * @param {string} minimum
 */
function isOlder(version, minimum) {
  const [have, want] = [version, minimum].map((text) => text.split('.').map(Number));
  const at = want?.findIndex((part, i) => (have?.[i] ?? 0) !== part) ?? -1;
  return at >= 0 && (have?.[at] ?? 0) < (want?.[at] ?? 0);
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
  const packages = missing.map((tool) => tool.debianPackage);
  if (installSystemPackages) installPackages(packages, log);
  const left = missing.filter((tool) => toolVersion(tool) === undefined);
  if (left.length > 0) throw unavailable(broker, left);
}

/** @param {Tool} tool */
export const wanted = ({ command, minimum }) => (minimum ? `${command} >= ${minimum}` : command);

/**
 * @param {string} broker
 * @param {readonly Tool[]} left
 */
function unavailable(broker, left) {
  const what = left.map((tool) => wanted(tool));
  const packages = left.map((tool) => tool.debianPackage).join(' ');
  const newer = left.some((tool) => tool.minimum) ? '. Where that is older, take it from its makers.' : '';
  return new BrokerUnavailable(
    broker,
    `it needs ${what.join(' and ')}, which this machine lacks`,
    `Run: apt-get install ${packages} (or the same command again with -- --install-system-packages)${newer}`,
  );
}
