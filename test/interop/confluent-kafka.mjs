// confluent-kafka of Python with its serializers: a foreign client of Kafka and of the schema registry. Installed on first use.
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { isCi, mayInstall } from '../../scripts/lib/environment.mjs';
import { cacheFolder, inRoot } from '../../scripts/lib/paths.mjs';
import { filledFolder } from '../brokers/cached-folder.mjs';
import { runTool } from '../brokers/run-tool.mjs';
import { toStderr } from '../brokers/to-stderr.mjs';
import { requireTools, TOOLS, toolVersion } from '../brokers/toolchain.mjs';
import { BrokerUnavailable } from '../brokers/unavailable.mjs';
import { runClient } from './foreign-clients.mjs';

const VERSION = '2.16.1';
const SCRIPT = inRoot('test', 'interop', 'confluent-client.py');

/**
 * What the client is to do on a topic: `write` these values, or `read` this many.
 * @typedef {{ brokers: string, registry: string, topic: string, format: 'avro' | 'json', schema: object } & ({ write: object[], normalize?: boolean } | { read: number })} Task
 */

/**
 * Runs a task, and returns what was read. Undefined where the client cannot be had: that is one line with the command that
 * brings it, and with `CI` set a failure.
 * @returns {Promise<((task: Task) => Promise<unknown[]>) | undefined>}
 */
export async function confluentKafka() {
  try {
    const packages = await installed();
    return async (task) => {
      const text = await runClient(TOOLS.pip.command, ['-B', SCRIPT, packages], JSON.stringify(task));
      return text === '' ? [] : JSON.parse(text);
    };
  } catch (error) {
    if (!(error instanceof BrokerUnavailable) || isCi()) throw error;
    process.stderr.write(`SKIPPED what needs confluent-kafka: ${error.message}\n`);
    return undefined;
  }
}

/** The folder of the packages. They are built for one version of Python. */
function installed() {
  const log = toStderr('kafka');
  requireTools('confluent-kafka', [TOOLS.pip], { installSystemPackages: mayInstall(), log });
  const python = /python (\d+\.\d+)/.exec(toolVersion(TOOLS.pip) ?? '')?.[1] ?? '3';
  return filledFolder(
    {
      folder: join(cacheFolder(), `confluent-kafka-${VERSION}-python-${python}`),
      content: 'packages',
      list: 'packages.json',
    },
    {
      fill: install,
      doing: `installing confluent-kafka ${VERSION}`,
      done: `confluent-kafka ${VERSION} installed`,
      cost: '64 MB, once',
      log,
    },
  );
}

/** @param {string} aside */
async function install(aside) {
  const packages = join(aside, 'packages');
  await mkdir(packages);
  const quiet = ['--quiet', '--no-input', '--disable-pip-version-check', '--timeout=20', '--retries=1'];
  const args = ['-m', 'pip', 'install', ...quiet, '--only-binary=:all:', '--target', packages];
  const failure = await runTool(TOOLS.pip.command, [...args, `confluent-kafka[avro,json]==${VERSION}`]);
  if (failure) throw new BrokerUnavailable('confluent-kafka', failure, "Is pip's index reachable? Try again.");
}
