import { readdirSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { findStages } from '../../scripts/lib/stages.mjs';
import { countsOf, workersOf } from '../../scripts/lib/stage-runner.mjs';
import { summary } from '../../scripts/lib/summary.mjs';
import { parseArgs } from '../../scripts/lib/test-arguments.mjs';

const testFolder = fileURLToPath(new URL('../', import.meta.url));

describe('npm test', () => {
  it('has the checks first, brokers before their suites, and smoke last', () => {
    const names = findStages().map(({ name }) => name);
    expect(names.slice(0, 3)).toEqual(['type-check', 'lint', 'unit']);
    expect(names).toEqual(expect.arrayContaining(['architecture', 'brokers', 'workspace']));
    for (const broker of ['kafka', 'nats', 'nsq', 'rabbitmq']) {
      expect([names.indexOf(`${broker} up`) >= 0, names.indexOf(broker) > names.indexOf(`${broker} up`)]).toEqual([
        true,
        true,
      ]);
    }
    expect(names.indexOf('smoke') === -1 || names.at(-1) === 'smoke').toBe(true);
  });

  it('leaves no spec out: every folder of test/ that holds one is a stage, or its broker is', () => {
    const specs = readdirSync(testFolder, { recursive: true, encoding: 'utf8' }).filter((file) =>
      file.endsWith('.spec.ts'),
    );
    const names = findStages().map(({ name }) => name);
    const stageOf = (file: string): string => /\.(\w+)\.spec\.ts$/.exec(file)?.[1] ?? file.split(/[\\/]/)[0] ?? '';
    expect(specs.filter((file) => !names.includes(stageOf(file)))).toEqual([]);
    expect(specs.length).toBeGreaterThan(15);
  });

  it('runs as many files at a time on the server of a broker as it says, on every machine, or as many as somebody asks for', () => {
    const brokers = findStages().filter(({ kind, needs }) => kind === 'jest' && needs !== undefined);
    expect(brokers.filter(({ workers }) => workers === undefined || workers > 2)).toEqual([]);
    expect(workersOf({ workers: 2 }, ['-t', 'keeps order'])).toEqual(['--maxWorkers=2']);
    expect(workersOf({}, [])).toEqual([]);
    for (const said of ['--runInBand', '-i', '--maxWorkers=4', '-w'])
      expect(workersOf({ workers: 2 }, [said])).toEqual([]);
  });

  it('counts what Jest reports', () => {
    const report = {
      numPassedTests: 3,
      numFailedTests: 1,
      numPendingTests: 2,
      numTodoTests: 1,
      numRuntimeErrorTestSuites: 1,
    };
    expect(countsOf(JSON.stringify(report), 1)).toEqual({ passed: 3, failed: 2, skipped: 3 });
  });

  it.each([
    ['ran nothing', 0, 0, 'ran no test'],
    ['passed all and yet ended badly', 3, 1, 'exit 1'],
  ])('is red when a runner %s', (_name, numPassedTests, code, note) => {
    const report = {
      numPassedTests,
      numFailedTests: 0,
      numPendingTests: 0,
      numTodoTests: 0,
      numRuntimeErrorTestSuites: 0,
    };
    expect(countsOf(JSON.stringify(report), code)).toMatchObject({ failed: 1, note });
  });

  it('is red when a runner left no report', () => {
    expect(countsOf(undefined, null)).toMatchObject({ failed: 1, note: expect.stringContaining('no report') });
  });

  it('ends with one line that holds the sums and nothing else', () => {
    const text = summary([
      { name: 'unit', ms: 1234, passed: 40, failed: 0, skipped: 1 },
      { name: 'kafka', ms: 0, passed: 0, failed: 0, skipped: 1, note: 'broker missing' },
      { name: 'lint', ms: 900, passed: 0, failed: 1, skipped: 0, note: 'exit 1' },
    ]);
    expect(text.trimEnd().split('\n').at(-1)).toBe('40 passed, 1 failed, 2 skipped');
    expect(text).toMatch(/^ok +unit +1\.2 s +40 +1$/m);
    expect(text).toMatch(/^skip +kafka/m);
    expect(text).toMatch(/^FAIL +lint .* exit 1$/m);
  });

  it('takes its own options and gives the rest to Jest', () => {
    expect(parseArgs(['--only', 'kafka,unit', '-t', 'keeps order', '--install-system-packages'])).toEqual({
      only: ['kafka', 'unit'],
      installSystemPackages: true,
      jestArguments: ['-t', 'keeps order'],
    });
    expect(parseArgs([])).toEqual({ only: undefined, installSystemPackages: undefined, jestArguments: [] });
  });
});
