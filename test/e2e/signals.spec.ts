import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('../..', import.meta.url));
const fromSource = ['--conditions=nest-transport:source', '--import', './tools/typescript-loader.mjs'];

test('a second Ctrl-C ends an application at once, although a handler still runs', async () => {
  const child = spawn(process.execPath, [...fromSource, 'test/e2e/signalled-app.ts', 'stuck'], { cwd: root });
  let output = '';
  child.stdout.on('data', (chunk: Buffer) => {
    output += chunk.toString();
    if (!chunk.toString().includes('working')) return;
    child.kill('SIGINT');
    // Why a pause: what follows within 250 ms is taken for the same Ctrl-C, which npm passes on once more.
    setTimeout(() => child.kill('SIGINT'), 500);
  });
  const [code] = (await once(child, 'close')) as [number | null];
  expect({ output, code }).toEqual({ output: 'working\n', code: 130 });
});

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
