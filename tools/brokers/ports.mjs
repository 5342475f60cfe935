import { randomInt } from 'node:crypto';
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

// Below the range from which systems take the ports of outgoing connections (Linux: 32768 up). A broker that is killed
// and restarted finds its port free, and a client that dials it meanwhile cannot by chance connect to itself.
const LOWEST = 20_000;
const HIGHEST = 32_000;
const TRIES = 200;

/** One file per port that a living process has chosen: its server may not listen yet, or be killed for a moment. */
const RESERVED = join(tmpdir(), `nest-transport-ports-${process.getuid?.() ?? 0}`);
/** @type {Set<string>} those of this process */
const own = new Set();

/**
 * Ports on which nobody listens, reserved for this process until it ends: test files run side by side, and a port that is
 * free when it is chosen may be in use when the server starts.
 * @param {number} count
 * @returns {Promise<number[]>}
 */
export async function freePorts(count) {
  const ports = new Set();
  for (let tries = 0; ports.size < count; tries++) {
    if (tries === TRIES) throw new Error(`Found no ${count} free ports in ${LOWEST}-${HIGHEST} after ${TRIES} tries.`);
    const port = randomInt(LOWEST, HIGHEST);
    if (reserve(port) && (await isFree(port))) ports.add(port);
  }
  return [...ports];
}

/**
 * @param {number} port
 * @returns {boolean} whether it is this process's; true only once
 */
export function reserve(port) {
  mkdirSync(RESERVED, { recursive: true, mode: 0o777 });
  const file = join(RESERVED, String(port));
  if (isStale(file)) rmSync(file, { force: true });
  try {
    writeFileSync(file, String(process.pid), { flag: 'wx' });
  } catch {
    return false;
  }
  if (own.size === 0) process.once('exit', release);
  own.add(file);
  return true;
}

function release() {
  for (const file of own) rmSync(file, { force: true });
}

/**
 * Whether the process that reserved it has ended.
 * @param {string} file
 */
function isStale(file) {
  try {
    const owner = Number(readFileSync(file, 'utf8'));
    // An empty file is being written in this moment.
    return owner > 0 && !isAlive(owner);
  } catch {
    return false;
  }
}

/** @param {number} pid */
function isAlive(pid) {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return /** @type {NodeJS.ErrnoException} */ (error).code === 'EPERM';
  }
}

/**
 * @param {number} port
 * @returns {Promise<boolean>}
 */
export function isFree(port) {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', () => resolve(false));
    server.listen({ port, host: '127.0.0.1', exclusive: true }, () => server.close(() => resolve(true)));
  });
}
