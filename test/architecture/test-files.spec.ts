import { spawnSync } from 'node:child_process';
import { relative, sep } from 'node:path';
import { jest as jestCommand } from '../../scripts/lib/tasks.mjs';
import { looksLikeTest, unexplainedSkips } from './test-files.js';
import { filesUnder, read, root } from './tree.js';

/** What the runner itself would run, asked of the runner. */
function filesThatRun(): string[] {
  const { stdout, stderr } = spawnSync(process.execPath, [...jestCommand, '--listTests'], {
    cwd: root,
    encoding: 'utf8',
  });
  const files = stdout.split('\n').filter((line) => line.endsWith('.ts'));
  if (files.length === 0) throw new Error(`jest --listTests listed nothing: ${stderr}`);
  return files.map((file) => relative(root, file).split(sep).join('/'));
}

describe('test files', () => {
  const all = [...filesUnder()].filter((path) => /\.[cm]?[jt]sx?\d*$/.test(path)).map(read);

  it('are all run, each by one project', () => {
    const run = filesThatRun();
    const blind = all
      .filter(looksLikeTest)
      .map(({ path }) => path)
      .filter((path) => !run.includes(path));
    expect(blind).toEqual([]);
    expect(run.filter((path, i) => run.indexOf(path) !== i)).toEqual([]);
    expect(run.length).toBeGreaterThan(20);
  });

  it('leave nothing out without a reason', () => {
    expect(all.filter(looksLikeTest).flatMap(unexplainedSkips)).toEqual([]);
  });

  it.each([
    'connection-failover.e2e-spec1.ts',
    'orders.test.ts',
    'orders-spec.mjs',
    'orders_test.js',
    'orders.Spec.ts',
  ])('with a blind name would be seen: %s', (name) =>
    expect(looksLikeTest({ path: `test/e2e/${name}`, text: '' })).toBe(true),
  );

  it('with an ordinary name would be seen by its content', () => {
    expect(looksLikeTest({ path: 'test/e2e/orders.ts', text: `import x;\ndescri${'be'}('x', () => {});` })).toBe(true);
    expect(looksLikeTest({ path: 'test/e2e/helper.ts', text: 'export const x = 1;' })).toBe(false);
  });

  it('that are left out or leave out others would be seen', () => {
    const file = (text: string): string[] => unexplainedSkips({ path: 'x.spec.ts', text });
    expect(file(`it.${'skip'}('x', f);`)).toHaveLength(1);
    expect(file(`x${'it'}('x', f);`)).toHaveLength(1);
    expect(file(`describe.${'only'}('x', f); // because I was debugging this`)).toHaveLength(1);
    expect(file(`it.${'skip'}('x', f); // kafkajs 2.2.4 cannot list the last stable offset`)).toEqual([]);
  });
});
