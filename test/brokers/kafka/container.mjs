import { spawn, spawnSync } from 'node:child_process';
import { freePorts } from '../ports.mjs';
import { inRoot } from '../../../scripts/lib/paths.mjs';

const ENGINE_ANSWER_MS = 5_000;

/** True when a container engine runs here; a client without a daemon does not count. */
export const hasEngine = () =>
  spawnSync('docker', ['info'], { stdio: 'ignore', timeout: ENGINE_ANSWER_MS }).status === 0;

/**
 * A Kafka container of our own, from compose.yaml, on a free port and under a project name of this process:
 * two runs on one machine do not meet.
 * @param {(line: string) => void} log
 * @returns {Promise<{ brokers: string[], env: { KAFKA_BROKERS: string }, stop: () => Promise<void> } | undefined>} undefined without an engine
 */
export async function runningContainer(log) {
  if (!hasEngine()) return undefined;
  const [port = 0] = await freePorts(1);
  const project = `nest-transport-${process.pid}`;
  log(`starting a container (docker compose, project ${project}, port ${port}) ...`);
  await compose(project, port, ['up', '--detach', '--wait', 'kafka']);
  const brokers = [`127.0.0.1:${port}`];
  const stop = () => compose(project, port, ['down', '--volumes', '--timeout', '5']);
  return { brokers, env: { KAFKA_BROKERS: brokers[0] ?? '' }, stop };
}

/**
 * @param {string} project
 * @param {number} port
 * @param {string[]} args
 */
export async function compose(project, port, args) {
  const child = spawn('docker', ['compose', '--file', inRoot('compose.yaml'), '--project-name', project, ...args], {
    stdio: ['ignore', 2, 2],
    env: { ...process.env, KAFKA_PORT: String(port) },
  });
  const code = await new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('close', resolve);
  });
  if (code !== 0) throw new Error(`docker compose ${args.join(' ')} ended with code ${code}; its messages are above.`);
}
