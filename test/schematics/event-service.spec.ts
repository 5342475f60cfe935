import { complaintsAbout } from './compile.js';
import { commonjs, esm, generate, outcomeOf, step, type Files, type Step } from './generate.js';

const MAIN = `import { NestFactory } from '@nestjs/core';
import { AppModule } from './app.module.js';

const app = await NestFactory.create(AppModule);
await app.listen(3000);
`;
const add = (broker: string): Step => ({ schematic: 'nest-add', options: { broker } });
const single: Files = { ...esm, 'src/main.ts': MAIN };
const monorepo: Files = {
  'package.json': '{ "type": "module", "devDependencies": { "vitest": "4" } }',
  'nest-cli.json': '{ "monorepo": true, "compilerOptions": { "builder": "rspack" }, "projects": { "shop": {} } }',
  'tsconfig.json': '{ "references": [] }',
  'apps/shop/src/shop.module.ts': "import { nats } from 'nest-transport/nats';",
};
const newIn = (before: Files, after: Files): string[] => Object.keys(after).filter((path) => !(path in before));

describe('the event-service schematic', () => {
  it('writes a module into a single application, and registers it', async () => {
    const before = await generate(single, add('memory'));
    const files = await generate(before, step('event-service', 'billing'));
    expect(newIn(before, files).sort()).toEqual([
      '.dockerignore',
      'Dockerfile',
      'src/billing/billing-health.controller.ts',
      'src/billing/billing-requested.event.spec.ts',
      'src/billing/billing-requested.event.ts',
      'src/billing/billing-requested.publisher.spec.ts',
      'src/billing/billing-requested.publisher.ts',
      'src/billing/billing-requested.subscriber.spec.ts',
      'src/billing/billing-requested.subscriber.ts',
      'src/billing/billing.controller.ts',
      'src/billing/billing.module.ts',
      'test/billing.e2e-spec.ts',
    ]);
    expect(files['src/app.module.ts']).toContain('BillingModule');
    expect(files['src/billing/billing.module.ts']).toContain('providers: [BillingRequestedPublisher]');
    expect(files['Dockerfile']).toContain('CMD ["node", "dist/main.js"]');
  });

  it('writes an application into a monorepo, on the broker of the others', async () => {
    // n.b. the CLI hands on the name of a project, as it does for every schematic in a monorepo.
    const files = await generate(monorepo, step('event-service', 'billing', { project: 'shop' }));
    expect(files['apps/billing/src/main.ts']).toContain("from './billing.module.js'");
    expect(newIn(monorepo, files)).toEqual(
      expect.arrayContaining([
        'apps/billing/src/main.ts',
        'apps/billing/src/billing.module.ts',
        'apps/billing/tsconfig.app.json',
        'apps/billing/test/billing.e2e-spec.ts',
        'apps/billing/Dockerfile',
        'compose.yaml',
      ]),
    );
    expect(files['apps/billing/src/billing.module.ts']).toContain("from 'nest-transport/nats'");
    expect(JSON.parse(files['nest-cli.json'] ?? '')).toMatchObject({
      projects: { shop: {}, billing: { root: 'apps/billing', sourceRoot: 'apps/billing/src' } },
    });
    expect(files['tsconfig.json']).toContain('./apps/billing/tsconfig.app.json');
    expect(files['apps/billing/Dockerfile']).toContain('CMD ["node", "dist/apps/billing/main.js"]');
  });

  it('writes a controller that refuses a body that is no payload, with and without a schema', async () => {
    for (const manifest of ['{ "type": "module" }', '{ "type": "module", "dependencies": { "zod": "4" } }']) {
      const before = await generate({ ...single, 'package.json': manifest }, add('memory'));
      const files = await generate(before, step('event-service', 'billing'));
      const controller = files['src/billing/billing.controller.ts'];
      expect(controller).toContain('@Body() body: unknown');
      expect(controller).toMatch(/if \((error|!isBillingRequestedData\(body\))\)\s+throw new BadRequestException/);
      expect(files['test/billing.e2e-spec.ts']).toContain('answers 400 to a body that is no payload');
    }
  });

  it('takes a broker by name for an application, and has its client installed', async () => {
    const { files, tasks } = await outcomeOf(monorepo, step('event-service', 'billing', { type: 'kafka' }));
    expect(files['apps/billing/src/billing.module.ts']).toContain('broker: kafka({');
    expect(files['package.json']).toContain('kafkajs');
    expect(tasks).toHaveLength(1);
    const wrong = generate(monorepo, step('event-service', 'billing', { type: 'kafak' }));
    await expect(wrong).rejects.toThrow(/no broker "kafak".*\(TRANSPORT_OPTION_INVALID\)/);
  });

  it('starts what the compiler builds where no bundler does, and configures Jest where that is the runner', async () => {
    const plain = { ...monorepo, 'nest-cli.json': '{ "monorepo": true }', 'package.json': '{}' };
    const files = await generate(plain, step('event-service', 'billing'));
    expect(files['apps/billing/Dockerfile']).toContain('"dist/apps/billing/apps/billing/src/main.js"');
    expect(files['apps/billing/test/jest-e2e.json']).toContain('e2e-spec');
    expect(files['apps/billing/src/main.ts']).toContain("from './billing.module'");
  });

  it('refuses an application without the transport, a file that is there, and a configuration with comments', async () => {
    await expect(generate(commonjs, step('event-service', 'billing'))).rejects.toThrow(
      /no TransportModule.*Run first: nest add nest-transport \(TRANSPORT_PROJECT_UNEXPECTED\)/,
    );
    const twice = generate(monorepo, step('event-service', 'billing'), step('event-service', 'billing'));
    await expect(twice).rejects.toThrow(/apps\/billing\/src\/main.ts is there already.*\(TRANSPORT_FILE_EXISTS\)/);
    const commented = { ...monorepo, 'nest-cli.json': '{ // mine\n "monorepo": true }' };
    await expect(generate(commented, step('event-service', 'billing'))).rejects.toThrow(
      /nest-cli.json is not plain JSON/,
    );
  });

  it('writes code that the compiler takes, with and without a schema, as module and as application', async () => {
    const jest = '{ "type": "module" }';
    const made = {
      zod: await generate(
        { ...single, 'package.json': '{ "type": "module", "dependencies": { "zod": "4" } }' },
        add('kafka'),
        step('event-service', 'billing'),
      ),
      plain: await generate({ ...single, 'package.json': jest }, add('memory'), step('event-service', 'billing')),
      mono: await generate({ ...monorepo, 'package.json': jest }, step('event-service', 'billing')),
    };
    const apart = Object.entries(made).flatMap(([name, files]) =>
      Object.entries(files).map(([path, text]) => [`${name}/${path}`, text]),
    );
    expect(complaintsAbout(Object.fromEntries(apart) as Files)).toEqual([]);
  }, 60_000);
});
