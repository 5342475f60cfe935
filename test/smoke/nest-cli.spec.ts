import { spawnSync } from 'node:child_process';
import { readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { withDist } from './packed.js';

const root = fileURLToPath(new URL('../../', import.meta.url));

interface Project {
  readonly type: 'application' | 'library';
  readonly compilerOptions: { readonly tsConfigPath: string };
}

const { projects } = JSON.parse(readFileSync(join(root, 'nest-cli.json'), 'utf8')) as {
  projects: Record<string, Project>;
};

function nest(...args: string[]): { code: number | null; output: string } {
  const cli = join(root, 'node_modules/@nestjs/cli/bin/nest.js');
  const { NODE_OPTIONS: _, ...env } = process.env;
  const { status, stdout, stderr } = spawnSync(process.execPath, [cli, ...args], { cwd: root, encoding: 'utf8', env });
  return { code: status, output: stdout + stderr };
}

describe('the Nest CLI', () => {
  it('builds every app and library after an install, with nothing built before', async () => {
    const { code, output } = await withDist(async () => nest('build', '--all'));
    expect({ code, output: code === 0 ? '' : output }).toEqual({ code: 0, output: '' });
    for (const { compilerOptions } of Object.values(projects)) {
      const folder = join(root, compilerOptions.tsConfigPath, '..');
      const [, outDir = ''] =
        /"outDir":\s*"([^"]+)"/.exec(readFileSync(join(root, compilerOptions.tsConfigPath), 'utf8')) ?? [];
      expect(statSync(join(folder, outDir)).isDirectory()).toBe(true);
    }
  }, 300_000);

  it('starts an app with the library read from its sources', () => {
    const { code, output } = nest('start', 'demo', '--', '--json');
    const last =
      output
        .trimEnd()
        .split('\n')
        .filter((line) => line.startsWith('{'))
        .at(-1) ?? '{}';
    expect({ code, report: JSON.parse(last) as unknown }).toMatchObject({
      code: 0,
      report: { broker: 'memory', placed: 500, lost: 0 },
    });
  }, 300_000);
});
