import { memory } from 'nest-transport/memory';
import {
  CONFORMANCE_CASES,
  runConformance,
  runConformanceCase,
  type ConformanceReport,
  type TestRunner,
} from 'nest-transport/conformance';
import { wrapBroker } from 'nest-transport/testing';
import { CAPABILITY_MEANINGS, type Capabilities, type CapabilityName } from 'nest-transport';
import { groupPerConnection } from './planted/sharing.js';

/** A runner of thirty lines, as proof that the suite needs nothing of Jest, Vitest or any other. */
class TinyRunner implements TestRunner {
  readonly titles: string[] = [];
  readonly failed: string[] = [];
  readonly #tests: { readonly title: string; readonly body: () => Promise<void> }[] = [];
  readonly #afterEach: (() => Promise<void>)[] = [];
  readonly #afterAll: (() => Promise<void>)[] = [];

  readonly describe = (title: string, body: () => void): void => {
    this.titles.push(title);
    body();
  };
  readonly test = (title: string, body: () => Promise<void>): void => void this.#tests.push({ title, body });
  readonly afterEach = (body: () => Promise<void>): void => void this.#afterEach.push(body);
  readonly afterAll = (body: () => Promise<void>): void => void this.#afterAll.push(body);

  async run(): Promise<void> {
    for (const { title, body } of this.#tests) {
      this.titles.push(title);
      await body().catch(() => this.failed.push(title));
      for (const after of this.#afterEach) await after();
    }
    for (const after of this.#afterAll) await after();
  }
}

test('the runner is handed in, every promise is a test of it, and the report is told once', async () => {
  const runner = new TinyRunner();
  const reports: ConformanceReport[] = [];
  runConformance(runner, {
    name: 'memory',
    createBroker: () => memory(),
    refusedTopic: ' ',
    onReport: (r) => reports.push(r),
  });
  await runner.run();

  expect(runner.titles).toEqual([
    'memory keeps the guarantees of the transport',
    ...CONFORMANCE_CASES.map(({ title }) => title),
  ]);
  expect(runner.failed).toEqual([]);
  expect(reports).toHaveLength(1);
  expect(reports[0]?.cases.map(({ name }) => name)).toEqual(CONFORMANCE_CASES.map(({ name }) => name));
  expect(reports[0]?.cases.filter(({ outcome }) => outcome === 'unsupported')).toMatchObject([
    { capability: 'durability' },
  ]);
});

test('a promise that is broken fails its own test, with what was seen, and is in the report', async () => {
  const runner = new TinyRunner();
  const reports: ConformanceReport[] = [];
  const createBroker = groupPerConnection;
  runConformance(runner, {
    name: 'broken',
    createBroker,
    deadlineMs: 200,
    refusedTopic: ' ',
    onReport: (r) => reports.push(r),
  });
  await runner.run();

  const broken = reports[0]?.cases.filter(({ outcome }) => outcome === 'failed') ?? [];
  expect(broken.map(({ title }) => title)).toEqual(runner.failed);
  expect(broken.map(({ name }) => name)).toEqual(
    expect.arrayContaining(['members-share-a-group', 'closing-and-reopening-loses-nothing']),
  );
  expect(broken.every(({ error }) => error !== undefined && error !== '')).toBe(true);
});

const names = Object.keys(CAPABILITY_MEANINGS) as CapabilityName[];

test('every capability is proven by a promise at least', () => {
  expect(names.filter((name) => !CONFORMANCE_CASES.some(({ capability }) => capability === name))).toEqual([]);
});

test.each(names)('a driver without "%s" has to refuse it by code, and is not skipped', async (name) => {
  const absent: Partial<Capabilities> = { [name]: 'unsupported' };
  const createBroker = () => wrapBroker(memory(), () => ({}), absent);
  for (const testCase of CONFORMANCE_CASES.filter(({ capability }) => capability === name)) {
    const result = await runConformanceCase(testCase, { name: 'lesser', createBroker });
    expect(result).toMatchObject({ name: testCase.name, outcome: 'unsupported' });
  }
});

test('a driver that calls a capability absent and grants it all the same breaks the promise', async () => {
  const secretly = () => {
    const broker = memory();
    let asked = 0;
    // Says "absent" to the suite, and "native" to the application that asks.
    return Object.defineProperty({ ...wrapBroker(broker, () => ({})) }, 'capabilities', {
      get: () => ({ ...broker.capabilities, partitions: ++asked <= 2 ? 'unsupported' : 'native' }),
    });
  };
  const testCase = CONFORMANCE_CASES.find(({ name }) => name === 'a-partition-can-be-named');
  expect(testCase && (await runConformanceCase(testCase, { name: 'lying', createBroker: secretly }))).toMatchObject({
    outcome: 'failed',
    error: expect.stringMatching(/rejection/),
  });
});

test('a durable driver that gives no way to restart its broker is told what to write', async () => {
  const createBroker = () => wrapBroker(memory(), () => ({}), { durability: 'native' });
  const testCase = CONFORMANCE_CASES.find(({ capability }) => capability === 'durability');
  expect(testCase && (await runConformanceCase(testCase, { name: 'durable', createBroker }))).toMatchObject({
    outcome: 'failed',
    error: expect.stringMatching(/option "restartable"/),
  });
});
