// npm run brokers:up [name ...]                starts brokers, prints where they are, and leaves them up
// npm run brokers:up -- [name ...] --nodes 3   the same as clusters, beside those of one node; suites do not use them
// npm run brokers:down [name ...]              ends them, the clusters too
//
// With a container engine they are containers of compose.yaml; else a process of ours that stands in the background.
// A cluster is always the latter.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, mkdirSync, openSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { brokers } from '../tools/brokers/index.mjs';
import { compose, hasEngine, portsInEnv } from '../tools/brokers/container.mjs';
import { freePorts, isFree } from '../tools/brokers/ports.mjs';
import { forgetStanding, readStanding, standingFolder, writeStanding } from '../tools/brokers/standing.mjs';
import { BrokerUnavailable } from '../tools/brokers/unavailable.mjs';
import { isAlive } from './lib/lock.mjs';

const DOWN_TIMEOUT_MS = 30_000;

const [action, ...rest] = process.argv.slice(2);
const installSystemPackages = rest.includes('--install-system-packages');
const nodes = option('nodes');
const names = rest.filter((name, index) => !name.startsWith('--') && rest[index - 1] !== '--nodes');
const actions = { up, down, serve };

refuseUnknown(names);
if (nodes !== '' && !/^[1-9]$/.test(nodes)) refuse(`--nodes takes a number from 1 to 9, and not "${nodes}".`);
const act = actions[/** @type {keyof typeof actions} */ (action)] ?? refuseAction;
for (const name of names.length > 0 ? names : Object.keys(brokers)) {
  try {
    await act(name);
  } catch (error) {
    // One line says what it lacks; the others can be had all the same.
    if (!(error instanceof BrokerUnavailable)) throw error;
    process.stderr.write(`${error.message}\n`);
    process.exitCode = 1;
  }
}

/** @param {string} name */
async function up(name) {
  const standing = readStanding(recordOf(name)) ?? (await raise(name));
  // stdout can be evaluated: eval "$(npm run -s brokers:up)"
  for (const [variable, value] of Object.entries(standing.env)) process.stdout.write(`export ${variable}=${value}\n`);
  const where = standing.pid === undefined ? 'in a container' : `as process ${standing.pid}, log ${standing.log}`;
  process.stderr.write(`[${name}] up, ${where}. End it: npm run brokers:down ${name}\n`);
  const pids = standing.pids ?? [];
  if (pids.length > 0) process.stderr.write(`[${name}] processes of the nodes: ${pids.join(', ')}\n`);
}

/** Under which name it is written down. @param {string} name */
function recordOf(name) {
  return nodes === '' ? name : clusterRecordOf(name);
}

/** @param {string} name */
function clusterRecordOf(name) {
  return `${name}-cluster`;
}

/**
 * @param {string} name
 * @returns {Promise<import('../tools/brokers/standing.mjs').Standing>}
 */
async function raise(name) {
  const broker = brokerOf(name);
  const ports = await usualOrFree(Object.values(broker.ports));
  if (hasEngine() && nodes === '') {
    await compose(projectOf(name), portsInEnv(Object.keys(broker.ports), ports), [
      'up',
      '--detach',
      '--wait',
      broker.service,
    ]);
    writeStanding(name, { env: broker.envOf(ports) });
  } else {
    await broker.prepare({ installSystemPackages });
    await leaveServing(name, ports);
  }
  const standing = readStanding(recordOf(name));
  if (standing === undefined) throw new Error(`[${name}] started, but its process has ended already.`);
  return standing;
}

/** @param {string} name */
function projectOf(name) {
  return `nest-transport-${name}`;
}

/** @param {readonly number[]} usual all of them, or as many free ones */
async function usualOrFree(usual) {
  const free = await Promise.all(usual.map((port) => isFree(port)));
  return free.every(Boolean) ? [...usual] : freePorts(usual.length);
}

/**
 * Starts this file again in the background and returns when its broker serves.
 * @param {string} name
 * @param {readonly number[]} ports
 */
async function leaveServing(name, ports) {
  mkdirSync(standingFolder(), { recursive: true });
  const log = join(standingFolder(), `${recordOf(name)}.log`);
  const output = openSync(log, 'w');
  const self = fileURLToPath(import.meta.url);
  const how = [`--ports=${ports.join(',')}`, `--log=${log}`, ...(nodes === '' ? [] : [`--nodes=${nodes}`])];
  const server = spawn(process.execPath, [self, 'serve', name, ...how], {
    detached: true,
    stdio: ['ignore', output, output, 'ipc'],
  });
  closeSync(output);
  const outcome = await Promise.race([
    once(server, 'message').then(() => 'up'),
    once(server, 'exit').then(() => 'ended'),
  ]);
  if (outcome === 'ended') throw new BrokerUnavailable(name, `it did not start, see ${log}`, 'Run: npm run doctor');
  server.disconnect();
  server.unref();
}

/**
 * The process in the background. It holds the broker until it is told to end.
 * @param {string} name
 */
async function serve(name) {
  const server = await start(brokerOf(name));
  const { env, pids } = server;
  writeStanding(recordOf(name), { env, pid: process.pid, log: option('log'), ...(pids === undefined ? {} : { pids }) });
  const end = async () => {
    forgetStanding(recordOf(name));
    await server.stop();
    process.exit(0);
  };
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.once(signal, () => void end());
  process.send?.('up');
  // The broker does not keep us alive; this does.
  setInterval(() => undefined, 2 ** 30);
}

/**
 * @param {import('../tools/brokers/index.mjs').Broker} broker
 * @returns {Promise<{ env: Record<string, string>, pids?: readonly number[], stop: () => Promise<void> }>}
 */
async function start(broker) {
  if (nodes === '') return broker.startAt(option('ports').split(',').map(Number));
  const cluster = await broker.startCluster(Number(nodes));
  return { env: cluster.env, pids: cluster.nodes.map(({ pid }) => pid), stop: cluster.stop };
}

/** @param {string} name */
async function down(name) {
  const cluster = readStanding(clusterRecordOf(name));
  if (cluster?.pid !== undefined) {
    await endProcess(name, cluster.pid);
    process.stderr.write(`[${name}] cluster down.\n`);
  }
  const standing = readStanding(name);
  if (standing === undefined && cluster !== undefined) return;
  if (standing === undefined) {
    forgetStanding(name);
    process.stderr.write(`[${name}] is not up.\n`);
  } else if (standing.pid === undefined) {
    await compose(projectOf(name), {}, ['down', '--volumes']);
    forgetStanding(name);
  } else {
    await endProcess(name, standing.pid);
    process.stderr.write(`[${name}] down.\n`);
  }
}

/**
 * @param {string} name
 * @param {number} pid
 */
async function endProcess(name, pid) {
  process.kill(pid, 'SIGTERM');
  // n.b. polled: the end of a process that is not our child tells no event.
  for (const deadline = Date.now() + DOWN_TIMEOUT_MS; isAlive(pid); await sleep(50)) {
    if (Date.now() > deadline) throw new Error(`[${name}] process ${pid} did not end within ${DOWN_TIMEOUT_MS} ms.`);
  }
}

/** `--name=value` or `--name value`. @param {string} name */
function option(name) {
  const index = rest.indexOf(`--${name}`);
  if (index !== -1) return rest[index + 1] ?? '';
  return rest.find((arg) => arg.startsWith(`--${name}=`))?.slice(name.length + 3) ?? '';
}

/** @param {string} name */
function brokerOf(name) {
  const broker = brokers[name];
  if (broker === undefined) throw new Error(`There is no broker "${name}" here.`);
  return broker;
}

/** @param {string[]} asked */
function refuseUnknown(asked) {
  const unknown = asked.filter((name) => brokers[name] === undefined);
  if (unknown.length === 0) return;
  refuse(`There is no broker "${unknown.join('", "')}" here. There are: ${Object.keys(brokers).join(', ')}`);
}

/**
 * @param {string} sentence
 * @returns {never}
 */
function refuse(sentence) {
  process.stderr.write(`${sentence}\n`);
  process.exit(1);
}

/** @returns {never} */
function refuseAction() {
  refuse('Usage: node scripts/brokers.mjs up|down [name ...] [--nodes N]');
}
