import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('../..', import.meta.url));
const fromSource = ['--conditions=nest-transport:source', '--import', './tools/typescript-loader.mjs'];

const children: ChildProcess[] = [];

afterEach(() => {
  for (const child of children.splice(0)) child.kill('SIGKILL');
});

/** The application in a process of its own, which a failed test leaves none of. */
function start(what: string) {
  const child = spawn(process.execPath, [...fromSource, 'test/e2e/signalled-app.ts', what], { cwd: root });
  children.push(child);
  return child;
}

test.each(['stuck', 'sse'])(
  'a second Ctrl-C ends an application at once, although a handler or a stream still runs: %s',
  async (what) => {
    const child = start(what === 'sse' ? 'endless sse' : what);
    let output = '';
    child.stdout.on('data', (chunk: Buffer) => {
      output += chunk.toString();
      if (!chunk.toString().includes('working')) return;
      child.kill('SIGINT');
      // Why a pause: what follows within 250 ms is taken for the same Ctrl-C, which npm passes on once more.
      setTimeout(() => child.kill('SIGINT'), 500);
    });
    const [code] = (await once(child, 'close')) as [number | null];
    expect(code).toBe(130);
    if (what === 'stuck') expect(output).toBe('working\n');
  },
);

test('an open stream of server-sent events does not outlive drainTimeoutMs: the process ends on SIGTERM, with 0', async () => {
  const child = start('sse');
  let output = '';
  child.stdout.on('data', (chunk: Buffer) => {
    output += chunk.toString();
    if (chunk.toString().includes('working')) child.kill('SIGTERM');
  });
  const [code] = (await once(child, 'close')) as [number | null];
  expect({ output, code }).toEqual({ output: 'working\nworked\npool closed\n', code: 0 });
}, 60_000);

test.each([
  ['hybrid', 'SIGTERM'],
  ['hybrid', 'SIGINT'],
  ['pure', 'SIGTERM'],
  ['pure', 'SIGINT'],
] as const)('a %s application of createTransportApp finishes its work on %s and exits with 0', async (kind, signal) => {
  const child = start(kind);
  let output = '';
  child.stderr.on('data', (chunk: Buffer) => (output += chunk.toString()));
  child.stdout.on('data', (chunk: Buffer) => {
    output += chunk.toString();
    if (chunk.toString().includes('working')) child.kill(signal);
  });
  const [code, killedBy] = (await once(child, 'close')) as [number | null, string | null];
  expect({ output, code, killedBy }).toEqual({ output: 'working\nworked\npool closed\n', code: 0, killedBy: null });
});
