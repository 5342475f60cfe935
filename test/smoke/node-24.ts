import { rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { cacheFolder } from '../../scripts/lib/paths.mjs';
import { filledFolder } from '../../tools/brokers/cached-folder.mjs';
import { toStderr } from '../../tools/brokers/to-stderr.mjs';
import { npm } from './packed.js';

const VERSION = '24.21.0';

/** The Nodes that have to run a generated application. */
export const NODES = [
  { node: 'the Node that runs this', version: process.versions.node, program: () => Promise.resolve(process.execPath) },
  { node: 'Node 24', version: VERSION, program: node24 },
];

/** The program of Node 24, from the npm package `node`. Installed once per machine. */
export async function node24(): Promise<string> {
  const folder = await filledFolder(
    { folder: join(cacheFolder(), `node-${VERSION}`), content: 'bin', list: 'programs.json' },
    {
      fill: install,
      doing: `installing Node ${VERSION}`,
      done: `Node ${VERSION} installed`,
      cost: '126 MB, once',
      log: toStderr('smoke'),
    },
  );
  return join(folder, process.platform === 'win32' ? 'node.exe' : 'node');
}

async function install(folder: string): Promise<void> {
  await writeFile(join(folder, 'package.json'), '{ "private": true }');
  // n.b. its script is what fetches the program for this platform.
  npm(['install', '--ignore-scripts=false', '--no-audit', '--no-fund', `node@${VERSION}`], folder);
  await rename(join(folder, 'node_modules', 'node', 'bin'), join(folder, 'bin'));
}
