import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const CONTENDER = fileURLToPath(new URL('lock-contender.mjs', import.meta.url));

describe('the lock of the scripts', () => {
  const folder = mkdtempSync(join(tmpdir(), 'nest-transport-lock-'));
  const children: ChildProcess[] = [];
  afterAll(() => {
    for (const child of children) child.kill('SIGKILL');
    rmSync(folder, { recursive: true, force: true });
  });

  const contend = async (times: number): Promise<unknown> => {
    const child = spawn(process.execPath, [CONTENDER, folder, `${times}`], { stdio: ['ignore', 'ignore', 'pipe'] });
    children.push(child);
    let stderr = '';
    child.stderr.on('data', (chunk) => (stderr += String(chunk)));
    const [code] = (await once(child, 'close')) as [number | null];
    return { code, stderr };
  };

  it('is held by one process at a time, is given back whole, and leaves nothing behind', async () => {
    writeFileSync(join(folder, 'count'), '0');
    const ended = await Promise.all([contend(40), contend(40), contend(40)]);
    expect(ended).toEqual(ended.map(() => ({ code: 0, stderr: '' })));
    expect(readFileSync(join(folder, 'count'), 'utf8')).toBe('120');
    expect(readdirSync(folder)).toEqual(['count']);
  }, 60_000);
});
