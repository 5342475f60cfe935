import { rm } from 'node:fs/promises';

/** Another run may take a port between our look and the server's bind; then everything is tried again with new ones. */
const PORT_TRIES = 3;
const PORT_TAKEN = /address already in use|BindException|eaddrinuse/i;

/** @typedef {import('./kept-process.mjs').KeptProcess} KeptProcess */

/**
 * @typedef {object} PreparedServer a folder with everything a server needs; `start` may be called again after `end`
 * @property {string} folder
 * @property {() => Promise<KeptProcess>} start
 * @property {() => Promise<void>} [endRest] ends what runs beside the server and survives its restart
 */

/**
 * @typedef {object} Controls
 * @property {number} pid of the server now running
 * @property {() => Promise<void>} kill SIGKILL, as in a crash; resolves when the process has ended
 * @property {() => Promise<void>} shutdown SIGTERM, a controlled shutdown that keeps the data
 * @property {() => Promise<void>} restart same ports, same data; first kills a server that still runs
 * @property {() => Promise<void>} stop kills it and removes its folder; more than once is the same as once
 */

/**
 * Prepares a server and starts it.
 * @template {PreparedServer} Prepared
 * @param {() => Promise<Prepared>} prepare is called again, for other ports, when one was taken meanwhile
 * @param {{ fixedPort: boolean }} options a port that somebody asked for is not changed
 * @returns {Promise<{ prepared: Prepared, running: KeptProcess }>}
 */
export async function startPrepared(prepare, { fixedPort }) {
  for (let tries = 1; ; tries++) {
    const prepared = await prepare();
    try {
      return { prepared, running: await prepared.start() };
    } catch (error) {
      await prepared.endRest?.();
      await rm(prepared.folder, { recursive: true, force: true });
      if (!PORT_TAKEN.test(String(error)) || tries === PORT_TRIES || fixedPort) throw error;
    }
  }
}

/**
 * @param {PreparedServer} prepared
 * @param {KeptProcess} first
 * @returns {Controls}
 */
export function controlsOf(prepared, first) {
  let running = first;
  /** @param {NodeJS.Signals} signal */
  const end = (signal) => running.end(signal);
  return {
    get pid() {
      return running.pid;
    },
    kill: () => end('SIGKILL'),
    shutdown: () => end('SIGTERM'),
    restart: async () => {
      await end('SIGKILL');
      running = await prepared.start();
    },
    stop: async () => {
      await end('SIGKILL');
      await prepared.endRest?.();
      await rm(prepared.folder, { recursive: true, force: true });
    },
  };
}

/**
 * What a private server is to its user. n.b. the controls stay the object they are: their `pid` changes with a restart.
 * @template {object} Address
 * @param {Controls} controls
 * @param {Address} address
 * @returns {Address & Controls}
 */
export const withControls = (controls, address) => Object.assign(controls, address);
