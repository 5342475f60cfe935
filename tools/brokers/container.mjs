import { spawn, spawnSync } from 'node:child_process';
import { inRoot } from '../../scripts/lib/paths.mjs';
import { freePorts } from './ports.mjs';

const ENGINE_ANSWER_MS = 5_000;

/** True when a container engine runs here; a client without a daemon does not count. */
export const hasEngine = () =>
  spawnSync('docker', ['info'], { stdio: 'ignore', timeout: ENGINE_ANSWER_MS }).status === 0;

/**
 * Containers of our own, from compose.yaml, on free ports and under a project name of this process:
 * two runs on one machine do not meet.
 * @param {string} service of compose.yaml; what it depends on comes along
 * @param {readonly string[]} portVariables of compose.yaml
 * @param {(line: string) => void} log
 * @returns {Promise<{ ports: number[], stop: () => Promise<void> } | undefined>} the ports in the order of the variables; undefined without an engine
 */
export async function runningContainer(service, portVariables, log) {
  if (!hasEngine()) return undefined;
  const ports = await freePorts(portVariables.length);
  const project = `nest-transport-${service}-${process.pid}`;
  log(`starting a container (docker compose, project ${project}, port ${ports.join(', ')}) ...`);
  const env = portsInEnv(portVariables, ports);
  await compose(project, env, ['up', '--detach', '--wait', service]);
  const stop = () => compose(project, env, ['down', '--volumes', '--timeout', '5']);
  return { ports, stop };
}

/**
 * @param {readonly string[]} variables
 * @param {readonly number[]} ports
 */
export const portsInEnv = (variables, ports) =>
  Object.fromEntries(variables.map((name, i) => [name, String(ports[i])]));

/**
 * @param {string} project
 * @param {Record<string, string>} env
 * @param {string[]} args
 */
export async function compose(project, env, args) {
  const child = spawn('docker', ['compose', '--file', inRoot('compose.yaml'), '--project-name', project, ...args], {
    stdio: ['ignore', 2, 2],
    env: { ...process.env, ...env },
  });
  const code = await new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('close', resolve);
  });
  if (code !== 0) throw new Error(`docker compose ${args.join(' ')} ended with code ${code}; its messages are above.`);
}
