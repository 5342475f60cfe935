import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { root } from '../architecture/tree.js';
import { ended, type Ended } from '../workspace/small-clone.js';

const environment = { ...process.env, NODE_OPTIONS: undefined, NO_COLOR: '1' };

/** `npm run docs` into a folder of its own. */
export const buildSite = (outDir: string): Promise<Ended> => run(root, ['scripts/run.mjs', 'docs', '--outDir', outDir]);

/** The generator on another clone. */
export const buildIn = (clone: string): Promise<Ended> =>
  run(clone, [join(root, 'node_modules/vitepress/bin/vitepress.js'), 'build', 'docs']);

const run = (cwd: string, args: readonly string[]): Promise<Ended> =>
  ended(spawn(process.execPath, args, { cwd, env: environment, stdio: ['ignore', 'pipe', 'pipe'] }));
