import { freePorts } from '../../tools/brokers/ports.mjs';
import { guideCommands, NewApplication, runGuide } from './new-application.js';
import type { NestVersion } from './nest-new.js';
import { node24, NODES } from './node-24.js';

/** What holds for an application that the CLI has just made, after the commands of the guide; it is used from test to test. */
export function promisesOfSchematics(nest: NestVersion): void {
  let app: NewApplication;
  beforeAll(async () => {
    app = await NewApplication.made(nest);
    if (nest === 11) app.rewriteIn({ semi: false, printWidth: 120 });
    runGuide(app, { broker: 'memory' });
  }, 300_000);
  afterAll(() => app.remove());

  it('is what the guide begins with: nest add, then schematics', () => {
    expect(guideCommands()[0]).toMatch(/^nest add nest-transport --broker=\w+/);
    expect(guideCommands().length).toBeGreaterThan(2);
  });

  it('is taken by the compiler, specs included, and is written as its prettier writes', () => {
    app.tool('typescript/bin/tsc', '--noEmit', '-p', 'tsconfig.json');
    app.tool('prettier/bin/prettier.cjs', '--check', 'src', 'test');
  }, 120_000);

  describe.each(NODES)('by $node', ({ version, program }) => {
    let run: NewApplication;
    beforeAll(async () => {
      run = app.runBy(await program());
    }, 120_000);

    // On demand, half a minute: Nest 12 shows what Node 24 makes of the generated specs.
    const isRun = nest === 12 || version === process.versions.node || process.env['ALL_SMOKES'] !== undefined;
    if (isRun)
      it('passes its tests and its end-to-end tests', () => {
        expect(run.script('test')).toMatch(/order-created\.subscriber\.spec\.ts/);
        expect(run.script('test:e2e')).toMatch(/billing\.e2e-spec\.ts/);
      }, 120_000);

    it('is built, starts by the command of its Dockerfile, handles what comes over HTTP, and ends with 0 on SIGTERM', async () => {
      expect(run.nodeVersion()).toBe(version);
      run.nest('build');
      await servesAndEnds(run, 'Billing', 'Dockerfile');
    }, 120_000);
  });

  it('is not changed by a second nest add', () => {
    const files = ['package.json', 'src/main.ts', 'src/app.module.ts', 'test/app.e2e-spec.ts'];
    const before = files.map((file) => app.read(file));
    app.nest('add', 'nest-transport', '--skip-install', '--broker=memory');
    expect(files.map((file) => app.read(file))).toEqual(before);
  }, 60_000);

  it("has Nest's own schematics, too, with ours as its collection, by Node 24 as well", async () => {
    app.write('nest-cli.json', app.read('nest-cli.json').replace('@nestjs/schematics', 'nest-transport'));
    app.nest('g', 'service', 'stock');
    app.runBy(await node24()).nest('g', 'event', 'stock-counted');
    expect(app.read('src/app.module.ts')).toContain('StockService');
    expect(app.read('src/stock-counted.event.ts')).toMatch(/["']stock\.counted["']/);
  }, 60_000);

  it('is given the skeleton of a driver whose conformance suite is red, and says what is to be written', () => {
    app.nest('g', '-c', 'nest-transport', 'driver', 'carrier-pigeon');
    const run = () => app.script('test', 'carrier-pigeon');
    expect(run).toThrow(/connect is not written yet: write it in connection\.ts/);
  }, 120_000);

  it('grows into a monorepo, where an event-service is an application that passes its tests, is built and serves', async () => {
    app.nest('g', 'app', 'stock');
    for (const command of guideCommands(1)) {
      const [name, ...args] = command.split(' ');
      if (name === 'nest') app.nest(...args);
      else if (nest === 12) app.npm(...args);
    }
    app.nest('add', 'nest-transport', '--skip-install', '--project=stock');
    expect(app.script('test', 'apps/shipping', 'apps/stock')).toMatch(/shipping-requested\.subscriber\.spec\.ts/);
    // n.b. the script of Nest 11 is for the first application only.
    const e2e = ['jest/bin/jest.js', '--config', 'apps/shipping/test/jest-e2e.json'] as const;
    expect(nest === 11 ? app.tool(...e2e) : app.script('test:e2e')).toMatch(/shipping\.e2e-spec\.ts/);
    await servesAndEnds(app, 'Shipping', 'apps/shipping/Dockerfile');
  }, 300_000);
}

/** Starts a service by the command of its Dockerfile, has it handle what comes over HTTP, and ends it by SIGTERM. */
async function servesAndEnds(app: NewApplication, service: string, dockerfile: string): Promise<void> {
  const [port = 0] = await freePorts(1);
  const program = app.start({ PORT: `${port}` }, app.argsOf(dockerfile));
  await program.listensOn(port);
  const url = `http://127.0.0.1:${port}/${service.toLowerCase()}`;
  const headers = { 'content-type': 'application/json' };
  expect((await fetch(url, { method: 'POST', headers, body: '{"id":"b-17"}' })).status).toBe(202);
  await program.printed(`${service}Requested b-17`);
  expect(await (await fetch(`${url}/health`)).json()).toMatchObject({ status: 'up' });
  program.kill('SIGTERM');
  expect({ ended: await program.exited, output: program.output }).toMatchObject({ ended: 0 });
}
