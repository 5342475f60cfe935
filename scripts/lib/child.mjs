import { spawn } from 'node:child_process';
import { constants } from 'node:os';

/** @typedef {{ code: number | null, signal: NodeJS.Signals | null }} Exit */

const PASSED_ON = /** @type {const} */ (['SIGINT', 'SIGTERM', 'SIGHUP']);

/**
 * Runs a command to its end and passes on the signals that reach us meanwhile, so that the child can tidy up
 * and we end after it, not before.
 * @param {string} command
 * @param {readonly string[]} args
 * @param {import('node:child_process').SpawnOptions} [options]
 * @returns {Promise<Exit>}
 */
export function runChild(command, args, options = {}) {
  const child = spawn(command, args, { stdio: 'inherit', ...options });
  const undo = passSignalsTo(child);
  return new Promise((resolve, reject) => {
    child.once('error', (error) => (undo(), reject(error)));
    child.once('close', (code, signal) => (undo(), resolve({ code, signal })));
  });
}

/** @param {import('node:child_process').ChildProcess} child */
function passSignalsTo(child) {
  const listeners = PASSED_ON.map((signal) => {
    const listener = () => {
      // n.b. Ctrl-C reaches the whole foreground group by itself; a second SIGINT would mean "at once" to many programs.
      if (signal === 'SIGINT' && process.stdin.isTTY) return;
      child.kill(signal);
    };
    process.on(signal, listener);
    return /** @type {const} */ ([signal, listener]);
  });
  return () => listeners.forEach(([signal, listener]) => process.off(signal, listener));
}

/**
 * Ends this process the way the child ended: same exit code, or the same signal.
 * @param {Exit} exit
 */
export function endLike({ code, signal }) {
  if (signal === null) {
    process.exitCode = code ?? 1;
    return;
  }
  process.exitCode = 128 + (constants.signals[signal] ?? 0);
  process.kill(process.pid, signal);
}
