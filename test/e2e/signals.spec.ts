import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('../..', import.meta.url));
const fromSource = ['--conditions=nest-transport:source', '--import', './tools/typescript-loader.mjs'];

test.each([
  ['hybrid', 'SIGTERM'],
  ['hybrid', 'SIGINT'],
  ['pure', 'SIGTERM'],
  ['pure', 'SIGINT'],
] as const)('a %s application of createTransportApp finishes its work on %s and exits with 0', async (kind, signal) => {
  const child = spawn(process.execPath, [...fromSource, 'test/e2e/signalled-app.ts', kind], { cwd: root });
  let output = '';
  child.stderr.on('data', (chunk: Buffer) => (output += chunk.toString()));
  child.stdout.on('data', (chunk: Buffer) => {
    output += chunk.toString();
    if (chunk.toString().includes('working')) child.kill(signal);
  });
  const [code, killedBy] = (await once(child, 'close')) as [number | null, string | null];
  expect({ output, code, killedBy }).toEqual({ output: 'working\nworked\npool closed\n', code: 0, killedBy: null });
});
