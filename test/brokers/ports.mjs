import { randomInt } from 'node:crypto';
import { createServer } from 'node:net';

// Below the range from which systems take the ports of outgoing connections (Linux: 32768 up). A broker that is killed
// and restarted finds its port free, and a client that dials it meanwhile cannot by chance connect to itself.
const LOWEST = 20_000;
const HIGHEST = 32_000;
const TRIES = 200;

/**
 * Ports on which nobody listens, chosen at random so that two runs on one machine rarely ask for the same.
 * n.b. "free" ends when someone else takes it: whoever starts a server on it retries with new ones.
 * @param {number} count
 * @returns {Promise<number[]>}
 */
export async function freePorts(count) {
  const ports = new Set();
  for (let tries = 0; ports.size < count; tries++) {
    if (tries === TRIES) throw new Error(`Found no ${count} free ports in ${LOWEST}-${HIGHEST} after ${TRIES} tries.`);
    const port = randomInt(LOWEST, HIGHEST);
    if (await isFree(port)) ports.add(port);
  }
  return [...ports];
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
