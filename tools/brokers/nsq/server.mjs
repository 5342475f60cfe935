import { mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startKept } from '../kept-process.mjs';
import { freePorts } from '../ports.mjs';

const START_TIMEOUT_MS = 30_000;

/** Flags of a program without their dashes; a list stands for a flag given several times. @typedef {Record<string, string | number | boolean | readonly string[]>} Flags */

/**
 * @typedef {import('../private-server.mjs').PreparedServer & { tcp: string, http: string, logFile: string }} NsqServer
 */

/**
 * @typedef {object} ServerOptions
 * @property {string} bin folder of the programs
 * @property {'nsqd' | 'nsqlookupd'} name
 * @property {{ tcp?: number | undefined, http?: number | undefined }} ports (default: free ones)
 * @property {(folder: string) => Flags} flags
 */

/**
 * @param {ServerOptions} options
 * @returns {Promise<NsqServer>}
 */
export async function prepareServer({ bin, name, ports, flags }) {
  const folder = await mkdtemp(join(tmpdir(), `nest-transport-${name}-`));
  const [tcpPort = 0, httpPort = 0] = await freePorts(2);
  const tcp = `127.0.0.1:${ports.tcp ?? tcpPort}`;
  const http = `127.0.0.1:${ports.http ?? httpPort}`;
  const listen = { 'tcp-address': tcp, 'http-address': http, 'broadcast-address': '127.0.0.1' };
  const logFile = join(folder, `${name}.log`);
  const start = () =>
    startKept({
      name,
      command: join(bin, name),
      args: asArguments({ ...listen, ...flags(folder) }),
      cwd: folder,
      log: logFile,
      // It has bound both listeners when it says this of the first.
      ready: 'TCP: listening on',
      removeOnOrphan: folder,
      readyTimeoutMs: START_TIMEOUT_MS,
    });
  return { folder, tcp, http, logFile, start };
}

/** @param {Flags} flags */
const asArguments = (flags) =>
  Object.entries(flags).flatMap(([name, value]) =>
    (Array.isArray(value) ? value : [value]).map((one) => `--${name}=${String(one)}`),
  );
