import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { root } from '../architecture/tree.js';
import { complaintsAbout } from './compile.js';
import { commonjs, esm, generate, outcomeOf, type Files, type Step } from './generate.js';

const MAIN = `import { NestFactory } from '@nestjs/core';
import { AppModule } from './app.module.js';

async function bootstrap() {
  const app = await NestFactory.create(AppModule);
  await app.listen(process.env.PORT ?? 3000);
}
void bootstrap();
`;

const add = (broker?: string, service?: string): Step => ({ schematic: 'nest-add', options: { broker, service } });
const application: Files = { ...esm, 'src/main.ts': MAIN };
const manifestIn = (files: Files) => JSON.parse(files['package.json'] ?? '') as Record<string, Record<string, string>>;

describe('nest add', () => {
  const brokers = ['kafka', 'nats', 'nsq', 'rabbitmq', 'memory'];
  const on: Record<string, Files> = {};
  beforeAll(async () => {
    for (const broker of brokers) on[broker] = await generate(application, add(broker));
  }, 60_000);

  it('registers the module, creates the application with it, and adds client, scripts and a compose file', async () => {
    const files = await generate(application, add('kafka', 'orders'));
    const module = files['src/app.module.ts'];
    expect(module).toContain('TransportModule.forRoot({');
    expect(module).toMatch(/service: ["']orders["']/);
    expect(module).toContain("import { kafka } from 'nest-transport/kafka';");
    expect(files['src/main.ts']).toContain('const app = await createTransportApp(AppModule);');
    expect(files['src/main.ts']).not.toContain('NestFactory');
    expect(files['compose.yaml']).toContain('apache/kafka');
    const { dependencies, scripts } = manifestIn(files);
    expect(Object.keys(dependencies ?? {})).toEqual(['@nestjs/microservices', 'kafkajs']);
    expect(Object.keys(scripts ?? {})).toEqual(['broker:up', 'broker:down']);
  });

  it('changes nothing and installs nothing when it is run again', async () => {
    const once = on['kafka'] ?? {};
    expect(await outcomeOf(once, add('kafka'), add())).toEqual({ files: once, said: [], tasks: [] });
  });

  it("connects the application of Nest's end-to-end spec, which would refuse to start else", async () => {
    const spec =
      "import { Test } from '@nestjs/testing';\n\nconst module = await Test.createTestingModule({}).compile();\n";
    const created = { ...application, 'test/app.e2e-spec.ts': `${spec}const app = module.createNestApplication();\n` };
    const files = await generate(created, add());
    expect(files['test/app.e2e-spec.ts']).toContain('const app = connectTransport(module.createNestApplication());');
    expect(files['test/app.e2e-spec.ts']).toContain("import { connectTransport } from 'nest-transport';");
    expect(await generate(files, add())).toEqual(files);
  });

  it('keeps the broker that is there when it is run again with another, and says how to change it', async () => {
    const once = on['kafka'] ?? {};
    const { files, said } = await outcomeOf(once, add('nats'));
    expect(files).toEqual(once);
    expect(said).toEqual([
      expect.stringMatching(/has the transport with kafka already.*imported from 'nest-transport\/nats'/),
    ]);
  });

  it.each(['src/app.module.ts', 'src/main.ts', 'package.json'])(
    'completes an application without its part in %s',
    async (path) => {
      const whole = on['kafka'] ?? {};
      const undone = { ...whole, [path]: application[path] ?? '' };
      expect(await generate(undone, add('kafka'))).toEqual(whole);
    },
  );

  it('completes an application without its compose file, or whose packages were never installed', async () => {
    const whole = on['kafka'] ?? {};
    const { 'compose.yaml': _, ...rest } = whole;
    expect(await generate(rest, add())).toEqual(whole);
    const failed = { ...whole, 'node_modules/nest-transport/package.json': '{}' };
    expect((await outcomeOf(failed, add())).tasks).toHaveLength(1);
    expect((await outcomeOf(whole, add())).tasks).toHaveLength(0);
  });

  it('sees calls, not words: a comment about TransportModule or createTransportApp is not the thing', async () => {
    const module = `// TransportModule.forRoot comes later\n${application['src/app.module.ts']}`;
    const main = `// createTransportApp( comes later\n${MAIN}`;
    const files = await generate({ ...application, 'src/app.module.ts': module, 'src/main.ts': main }, add());
    expect(files['src/app.module.ts']).toContain('broker: memory()');
    expect(files['src/main.ts']).toContain('await createTransportApp(AppModule)');
  });

  it('finds the transport in another module than the root, and its broker in another file', async () => {
    const messaging = 'export const Messaging = TransportModule.forRootAsync({ useFactory });';
    const factory = "import { nats } from 'nest-transport/nats';";
    const files = await generate({ ...application, 'src/a/b.ts': messaging, 'src/c.ts': factory }, add());
    expect(files['src/app.module.ts']).toBe(application['src/app.module.ts']);
    expect(Object.keys(manifestIn(files)['dependencies'] ?? {})).toContain('@nats-io/jetstream');
  });

  it('installs with the package manager of the project, or leaves it to the user who says so', async () => {
    const task = (manager: string) => [
      { name: 'node-package', options: expect.objectContaining({ packageManager: manager }) as unknown },
    ];
    expect((await outcomeOf(application, add('kafka'))).tasks).toEqual(task('npm'));
    expect((await outcomeOf({ ...application, 'pnpm-lock.yaml': '' }, add('kafka'))).tasks).toEqual(task('pnpm'));
    const skipped = { schematic: 'nest-add', options: { broker: 'kafka', skipInstall: true } };
    expect(await outcomeOf(application, skipped)).toMatchObject({
      tasks: [],
      said: [expect.stringContaining('npm install')],
    });
  });

  it('names the service of a monorepo by its folder', async () => {
    const monorepo = {
      'package.json': '{ "name": "shop" }',
      'apps/stock/src/main.ts': MAIN,
      'apps/stock/src/stock.module.ts': application['src/app.module.ts'] ?? '',
    };
    const files = await generate(monorepo, { schematic: 'nest-add', options: { sourceRoot: 'apps/stock/src' } });
    expect(files['apps/stock/src/stock.module.ts']).toContain("service: 'stock'");
  });

  it('adds its broker to the services of a compose file that is there, or says that it cannot', async () => {
    const composed = (text: string) => outcomeOf({ ...application, 'docker-compose.yml': text }, add('nats'));
    const postgres = 'services:\n  postgres:\n    image: postgres:18\n';
    const { files } = await composed(postgres);
    expect(files['docker-compose.yml']).toMatch(
      /^services:\n {2}nats:\n[^]*\n {2}postgres:\n {4}image: postgres:18\n$/,
    );
    expect(files['compose.yaml']).toBeUndefined();
    expect((await composed('services: {}\n')).said).toEqual([expect.stringContaining('add nats by hand')]);
    const ours = 'services:\n  queue:\n    image: nats:2\n';
    expect(await composed(ours)).toMatchObject({ files: { 'docker-compose.yml': ours }, said: [] });
  });

  it('takes the memory broker and the name of the package where nothing is said', async () => {
    const named = { ...commonjs, 'src/main.ts': MAIN, 'package.json': '{ "name": "@shop/stock" }' };
    const files = await generate(named, add());
    expect(files['src/app.module.ts']).toMatch(/service: ["']stock["'], broker: memory\(\)/);
    expect(files['compose.yaml']).toBeUndefined();
  });

  it('says what to write where main is not as expected, or missing, and refuses an unknown broker', async () => {
    const adapter = MAIN.replace('(AppModule)', '(AppModule, new FastifyAdapter())');
    await expect(generate({ ...esm, 'src/main.ts': adapter }, add())).rejects.toThrow(
      /Add connectTransport\(app\).*\(TRANSPORT_PROJECT_UNEXPECTED\)/,
    );
    await expect(generate(esm, add())).rejects.toThrow('src has no main.ts');
    await expect(generate(application, add('kafak'))).rejects.toThrow(
      'There is no broker "kafak". Say one of memory, kafka, nats, nsq, rabbitmq. (TRANSPORT_OPTION_INVALID)',
    );
  });

  it('writes code that the compiler takes, on every broker', async () => {
    const apart = Object.entries(on).flatMap(([broker, files]) =>
      Object.entries(files).map(([path, text]) => [`${broker}/${path}`, text]),
    );
    expect(complaintsAbout(Object.fromEntries(apart) as Files)).toEqual([]);
  }, 60_000);

  it('asks for the clients that this repository is tested with', async () => {
    const { devDependencies } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as {
      devDependencies: Record<string, string>;
    };
    for (const broker of ['kafka', 'nats', 'rabbitmq']) {
      const { '@nestjs/microservices': _, ...clients } = manifestIn(on[broker] ?? {})['dependencies'] ?? {};
      expect(Object.keys(clients).length).toBeGreaterThan(0);
      for (const [name, range] of Object.entries(clients)) {
        const [major, minor] = range.replace('^', '').split('.');
        expect(devDependencies[name]).toMatch(new RegExp(`^\\^?${major}\\.${minor}\\.`));
      }
    }
  });

  it('writes compose files with the servers and health checks that this repository runs', async () => {
    const ours = readFileSync(join(root, 'compose.yaml'), 'utf8').replace(/\$\{\w+:-(\d+)\}/g, '$1');
    for (const broker of ['kafka', 'nats', 'nsq', 'rabbitmq']) {
      const lines = on[broker]?.['compose.yaml']?.match(/(image|test|interval): .+/g) ?? [];
      expect(lines).toHaveLength(3);
      for (const line of lines) expect(ours).toContain(line);
    }
  });
});
