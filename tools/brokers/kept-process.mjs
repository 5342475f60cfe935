import { spawn } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';

const KEEPER = fileURLToPath(new URL('./keeper.mjs', import.meta.url));
const LOG_LINES_SHOWN = 25;

/**
 * @typedef {object} ServerCommand
 * @property {string} name for messages
 * @property {string} command
 * @property {string[]} args
 * @property {string} cwd
 * @property {Record<string, string>} [env] beside ours
 * @property {string} log file that gets everything the server prints
 * @property {string} ready regular expression of the line that says it serves
 * @property {string} [removeOnOrphan] folder to remove when this process dies without stopping the server
 * @property {number} readyTimeoutMs
 */

/** @typedef {{ pid: number, end: (signal: NodeJS.Signals, graceMs?: number) => Promise<void>, exited: Promise<string> }} KeptProcess */

/**
 * Starts a server that dies with this process (see keeper.mjs) and waits for its ready line.
 * It does not keep this process alive either: a forgotten server ends with the program that forgot it.
 * @param {ServerCommand} server
 * @returns {Promise<KeptProcess>}
 */
export async function startKept(server) {
  /** @type {import('node:child_process').ChildProcess} */
  const keeper = spawn(process.execPath, [KEEPER, JSON.stringify(server)], {
    stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
    // A group of its own: Ctrl-C in the terminal reaches us, and we end the server in our own order.
    detached: true,
    env: withoutNodeOptions(process.env),
  });
  let pid = 0;
  /** @type {(how: string) => void} */
  let gone = () => undefined;
  /** @type {Promise<string>} */
  const exited = new Promise((resolve) => (gone = resolve));
  const ready = new Promise((resolve) => {
    keeper.on('message', (/** @type {any} the keeper's own three messages */ message) => {
      if (message.kind === 'spawned') pid = message.pid;
      if (message.kind === 'ready') resolve('ready');
      if (message.kind === 'failed') gone(message.message);
      if (message.kind === 'exited') gone(message.signal ?? `exit code ${message.code}`);
    });
    keeper.once('exit', () => gone('its keeper ended'));
  });
  const outcome = await firstOf(ready, exited, server.readyTimeoutMs);
  if (outcome !== 'ready') {
    if (keeper.connected) keeper.disconnect();
    throw new Error(await failure(server, outcome));
  }
  keeper.unref();
  keeper.channel?.unref();
  return { pid, exited, end: (signal, graceMs) => endServer(pid, exited, keeper, signal, graceMs) };
}

/**
 * @param {Promise<unknown>} ready
 * @param {Promise<string>} exited
 * @param {number} timeoutMs
 */
async function firstOf(ready, exited, timeoutMs) {
  /** @type {NodeJS.Timeout | undefined} */
  let timer;
  const late = new Promise((resolve) => (timer = setTimeout(resolve, timeoutMs, `no answer within ${timeoutMs} ms`)));
  try {
    return await Promise.race([ready, exited, late]);
  } finally {
    clearTimeout(timer);
  }
}

/**
 * @param {number} pid
 * @param {Promise<string>} exited
 * @param {import('node:child_process').ChildProcess} keeper
 * @param {NodeJS.Signals} signal
 * @param {number} [graceMs] after that a polite signal is followed by SIGKILL
 */
async function endServer(pid, exited, keeper, signal, graceMs = 20_000) {
  keeper.ref();
  keeper.channel?.ref();
  const impatience = setTimeout(() => sendSignal(pid, 'SIGKILL'), graceMs);
  sendSignal(pid, signal);
  await exited;
  clearTimeout(impatience);
  if (keeper.connected) keeper.disconnect();
}

/**
 * @param {number} pid
 * @param {NodeJS.Signals} signal
 */
function sendSignal(pid, signal) {
  try {
    process.kill(pid, signal);
  } catch (error) {
    if (/** @type {NodeJS.ErrnoException} */ (error).code !== 'ESRCH') throw error;
  }
}

/**
 * @param {ServerCommand} server
 * @param {unknown} outcome
 */
async function failure(server, outcome) {
  const log = await readFile(server.log, 'utf8').catch(() => '');
  const last = log.trimEnd().split('\n').slice(-LOG_LINES_SHOWN).join('\n  ');
  return `[${server.name}] did not start: ${String(outcome)}. The last lines of ${server.log}:\n  ${last}`;
}

/**
 * A parent's --experimental-vm-modules, loader or inspector port is not the keeper's.
 * @param {NodeJS.ProcessEnv} env
 */
function withoutNodeOptions({ NODE_OPTIONS: _, ...env }) {
  return env;
}
