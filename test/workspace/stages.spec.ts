import { existsSync, readdirSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { fileURLToPath } from 'node:url';
import type { Config } from '@jest/types';
import type { Test } from '@jest/test-result';
import { countsByStage } from '../../scripts/lib/jest-report.mjs';
import { findStages, groupsOf, stageOf } from '../../scripts/lib/stages.mjs';
import { workersOf } from '../../scripts/lib/stage-runner.mjs';
import { summary } from '../../scripts/lib/summary.mjs';
import LongestFirst from '../../tools/longest-first.mjs';
import { LONG_SPECS } from '../../tools/long-specs.mjs';
import { parseArgs } from '../../scripts/lib/test-arguments.mjs';
import { uniqueName } from '../../tools/brokers/names.mjs';

const root = fileURLToPath(new URL('../../', import.meta.url));
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
    expect(specs.filter((file) => !names.includes(stageOf(`test/${file.replaceAll('\\', '/')}`)))).toEqual([]);
    expect(specs.length).toBeGreaterThan(15);
  });

  it('runs every stage once: the checks beside the start of the brokers, the bench alone, smoke with the suites of the brokers', () => {
    const groups = groupsOf(findStages()).map((group) => group.map(({ name }) => name));
    expect(groups.flat().sort()).toEqual(
      findStages()
        .map(({ name }) => name)
        .sort(),
    );
    expect(groups[0]).toEqual(['type-check', 'lint', 'kafka up', 'nats up', 'nsq up', 'rabbitmq up']);
    expect(groups[1]).toEqual(['bench']);
    expect(groups[2]).toEqual(expect.arrayContaining(['unit', 'architecture', 'conformance']));
    expect(groups[3]).toEqual(['kafka', 'nats', 'nsq', 'rabbitmq', 'smoke']);
  });

  it('runs as many files at a time as it says, or as many as somebody asks for', () => {
    expect(workersOf('brokers', ['-t', 'keeps order'])).toEqual(['--maxWorkers=3']);
    expect(workersOf('bench', [])).toEqual(['--maxWorkers=1']);
    for (const said of ['--runInBand', '-i', '--maxWorkers=4', '-w']) expect(workersOf('brokers', [said])).toEqual([]);
  });

  it('starts first the long specs, all of which exist', async () => {
    expect(LONG_SPECS.filter((file) => !existsSync(`${root}${file}`))).toEqual([]);
    expect(new Set(LONG_SPECS).size).toBe(LONG_SPECS.length);
    const files = ['test/nest/x.spec.ts', LONG_SPECS[1], 'test/nest/y.spec.ts', LONG_SPECS[0]];
    const config = { id: uniqueName('none'), cacheDirectory: tmpdir() };
    const context = { config, hasteFS: { getSize: () => 1 } };
    const tests = files.map((file) => ({ path: `${root}${file}`, context }) as unknown as Test);
    const sorted = await new LongestFirst({ contexts: [], globalConfig: {} as Config.GlobalConfig }).sort(tests);
    expect(sorted.slice(0, 2).map(({ path }) => path)).toEqual(LONG_SPECS.slice(0, 2).map((file) => `${root}${file}`));
    expect(sorted).toHaveLength(4);
  });

  /** A file in Jest's report. */
  const fileOf = (name: string, ...statuses: string[]): object => ({
    name: `${root}${name}`,
    status: statuses.length > 0 && !statuses.includes('failed') ? 'passed' : 'failed',
    startTime: 1000,
    endTime: 3500,
    assertionResults: statuses.map((status) => ({ status })),
  });
  const counted = (code: number, names: string[], ...testResults: object[]): object =>
    Object.fromEntries(countsByStage(JSON.stringify({ testResults }), code, names));

  it('counts what Jest reports, each file for its stage', () => {
    const files = [
      fileOf('libs/transport/src/x.spec.ts', 'passed', 'pending'),
      fileOf('test/e2e/demo.kafka.spec.ts', 'passed', 'failed', 'todo'),
      fileOf('test/kafka/support.spec.ts', 'passed'),
      fileOf('test/e2e/demo.spec.ts', 'passed'),
    ];
    expect(counted(1, ['unit', 'kafka', 'e2e'], ...files)).toEqual({
      unit: { passed: 1, failed: 0, skipped: 1, ms: 2500 },
      kafka: { passed: 2, failed: 1, skipped: 1, ms: 5000 },
      e2e: { passed: 1, failed: 0, skipped: 0, ms: 2500 },
    });
  });

  it('is red when a file could not be loaded, or failed beside its tests', () => {
    const outside = { ...fileOf('test/nest/y.spec.ts', 'passed'), status: 'failed' };
    expect(counted(1, ['unit', 'nest'], fileOf('libs/x.spec.ts'), outside)).toMatchObject({
      unit: { passed: 0, failed: 1 },
      nest: { passed: 1, failed: 1 },
    });
  });

  it('is red when a stage ran nothing, and when all passed and yet Jest ended badly', () => {
    const passed = fileOf('libs/x.spec.ts', 'passed');
    expect(counted(0, ['unit', 'nest'], passed)).toMatchObject({
      unit: { failed: 0 },
      nest: { failed: 1, note: 'ran no test' },
    });
    expect(counted(1, ['unit'], passed)).toMatchObject({ unit: { passed: 1, failed: 1, note: 'exit 1' } });
  });

  it('is red in every stage of a run that left no report', () => {
    const red = { failed: 1, note: expect.stringContaining('no report') as string };
    expect(Object.fromEntries(countsByStage(undefined, null, ['unit', 'nest']))).toMatchObject({
      unit: red,
      nest: red,
    });
  });

  it('refuses a file that belongs to none of the stages that ran', () => {
    expect(() => counted(0, ['unit'], fileOf('test/nest/y.spec.ts', 'passed'))).toThrow(/y\.spec\.ts belongs to none/);
  });

  it('ends with one line that holds the sums and nothing else', () => {
    const results = [
      { name: 'unit', ms: 1234, passed: 40, failed: 0, skipped: 1 },
      { name: 'kafka', ms: 0, passed: 0, failed: 0, skipped: 1, note: 'broker missing' },
      { name: 'lint', ms: 900, passed: 0, failed: 1, skipped: 0, note: 'exit 1' },
    ];
    const text = summary(results, 1456);
    expect(text.trimEnd().split('\n').at(-1)).toBe('40 passed, 1 failed, 2 skipped');
    expect(text).toMatch(/^ok +unit +1\.2 s +40 +1$/m);
    expect(text).toMatch(/^skip +kafka/m);
    expect(text).toMatch(/^FAIL +lint .* exit 1$/m);
    expect(text).toMatch(/^Time: 1\.5 s\./m);
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
