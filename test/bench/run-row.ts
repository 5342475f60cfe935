import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import type { RowOrder } from './candidates/index.js';
import type { Figures } from './figures.js';

const ROOT = join(import.meta.dirname, '..', '..');
/** n.b. from source: the loader leaves what the build would write, and there is no stale dist to measure. */
const FROM_SOURCE = ['--conditions=nest-transport:source', '--import', './tools/typescript-loader.mjs'];
const LIMIT_MS = 300_000;

/** Runs a row in a process of its own. @param nodeArgs for a profile: `--cpu-prof` */
export async function runRow(order: RowOrder, nodeArgs: readonly string[] = []): Promise<Figures> {
  const args = [...nodeArgs, ...FROM_SOURCE, 'test/bench/row-process.ts', JSON.stringify(order)];
  const child = spawn(process.execPath, args, {
    cwd: ROOT,
    env: { ...process.env, NODE_OPTIONS: '' },
    stdio: ['ignore', 'pipe', 'inherit'],
    timeout: LIMIT_MS,
  });
  const output = await text(child.stdout);
  const figures = output.trimEnd().split('\n').at(-1) ?? '';
  if (!figures.startsWith('{')) throw new Error(`${order.candidate} gave no figures. It printed:\n${output}`);
  return JSON.parse(figures) as Figures;
}
