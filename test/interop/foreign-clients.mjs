// Programs that speak to the brokers and that we did not write. Built or installed on first use, like the brokers.
import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { isCi, mayInstall } from '../../scripts/lib/environment.mjs';
import { goTools } from '../../tools/brokers/go-tools.mjs';
import { NATS_CLI } from '../../tools/brokers/nats/programs.mjs';
import { NSQ_PROGRAMS } from '../../tools/brokers/nsq/programs.mjs';
import { toStderr } from '../../tools/brokers/to-stderr.mjs';
import { requireTools, TOOLS } from '../../tools/brokers/toolchain.mjs';
import { BrokerUnavailable } from '../../tools/brokers/unavailable.mjs';

/** @param {string} broker */
const preparation = (broker) => ({ installSystemPackages: mayInstall(), log: toStderr(broker) });

/**
 * The paths of the foreign clients, by name.
 * @type {Record<'kcat' | 'nats' | 'to_nsq' | 'nsq_to_file', () => Promise<string>>}
 */
const CLIENTS = {
  kcat: async () => {
    requireTools('kcat', [TOOLS.kcat], preparation('kafka'));
    return TOOLS.kcat.command;
  },
  nats: async () => join(await goTools(NATS_CLI, preparation('nats')), 'nats'),
  to_nsq: async () => join(await goTools(NSQ_PROGRAMS, preparation('nsq')), 'to_nsq'),
  nsq_to_file: async () => join(await goTools(NSQ_PROGRAMS, preparation('nsq')), 'nsq_to_file'),
};

/**
 * The path of a foreign client, or undefined where it cannot be had: that is one line with the command that brings it,
 * and with `CI` set a failure.
 * @param {keyof typeof CLIENTS} name
 * @returns {Promise<string | undefined>}
 */
export async function foreignClient(name) {
  try {
    return await CLIENTS[name]();
  } catch (error) {
    if (!(error instanceof BrokerUnavailable) || isCi()) throw error;
    process.stderr.write(`SKIPPED what needs ${name}: ${error.message}\n`);
    return undefined;
  }
}

/**
 * Runs a foreign client to its end, with `input` on its stdin.
 * @param {string} program
 * @param {string[]} args
 * @param {string} [input]
 * @returns {Promise<string>} what it printed on stdout
 * @throws {Error} with what it printed, when it ended badly
 */
export async function runClient(program, args, input = '') {
  const client = spawn(program, args, { stdio: 'pipe' });
  const [out, err] = [gather(client.stdout), gather(client.stderr)];
  client.stdin.on('error', () => undefined).end(input);
  const code = await new Promise((resolve, reject) => {
    client.once('error', reject);
    client.once('close', resolve);
  });
  if (code !== 0) throw new Error(`${program} ended with code ${code}: ${err()}${out()}`);
  return out();
}

/** @param {import('node:stream').Readable} stream */
function gather(stream) {
  /** @type {Buffer[]} */
  const chunks = [];
  stream.on('data', (chunk) => chunks.push(chunk));
  return () => Buffer.concat(chunks).toString();
}
