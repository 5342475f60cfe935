// Several nodes of one server: what a test does to one of them while the others go on.
import { startPrepared, controlsOf } from './private-server.mjs';

/** @typedef {import('./private-server.mjs').Controls} Controls */
/** @typedef {import('./private-server.mjs').PreparedServer} PreparedServer */

/**
 * @typedef {object} Cluster nodes count from 0
 * @property {readonly Controls[]} nodes
 * @property {(node: number) => Promise<void>} kill SIGKILL, as in a crash
 * @property {(node: number) => void} freeze SIGSTOP: it holds its connections and answers nothing
 * @property {(node: number) => void} thaw SIGCONT
 * @property {(node: number) => Promise<void>} restart same ports, same data; first kills a node that still runs
 * @property {() => Promise<void>} stop kills all and removes their folders; more than once is the same as once
 */

/**
 * @param {readonly Controls[]} nodes
 * @returns {Cluster}
 */
export function clusterOf(nodes) {
  const at = (/** @type {number} */ node) => {
    const controls = nodes[node];
    if (controls === undefined) throw new Error(`there is no node ${node}; the cluster has ${nodes.length}, from 0 on`);
    return controls;
  };
  return {
    nodes,
    kill: (node) => at(node).kill(),
    freeze: (node) => void process.kill(at(node).pid, 'SIGSTOP'),
    thaw: (node) => void process.kill(at(node).pid, 'SIGCONT'),
    restart: (node) => at(node).restart(),
    stop: async () => {
      await Promise.all(nodes.map(({ stop }) => stop()));
    },
  };
}

/**
 * Starts nodes that wait for each other. Where one does not start, none is left.
 * @template {PreparedServer} Prepared
 * @param {readonly Prepared[]} prepared
 * @returns {Promise<Controls[]>}
 */
export async function startTogether(prepared) {
  const started = await Promise.allSettled(
    prepared.map(async (node) =>
      controlsOf(node, (await startPrepared(async () => node, { fixedPort: true })).running),
    ),
  );
  const failed = started.find((outcome) => outcome.status === 'rejected');
  if (failed === undefined) return started.map((outcome) => /** @type {any} */ (outcome).value);
  const running = started.flatMap((outcome) => (outcome.status === 'fulfilled' ? [outcome.value] : []));
  await Promise.all(running.map(({ stop }) => stop()));
  throw failed.reason;
}
