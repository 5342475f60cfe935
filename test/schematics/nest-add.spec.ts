import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { root } from '../architecture/tree.js';
import { complaintsAbout } from './compile.js';
import { commonjs, esm, generate, type Files, type Step } from './generate.js';

const MAIN = `import { NestFactory } from '@nestjs/core';
import { AppModule } from './app.module.js';

async function bootstrap() {
  const app = await NestFactory.create(AppModule);
  await app.listen(process.env.PORT ?? 3000);
}
void bootstrap();
`;

const add = (broker?: string, service?: string): Step => ({ schematic: 'nest-add', options: { broker, service } });
const application = { ...esm, 'src/main.ts': MAIN };
const manifestIn = (files: Files) => JSON.parse(files['package.json'] ?? '') as Record<string, Record<string, string>>;

describe('nest add', () => {
  it('registers the module, creates the application with it, and adds client, scripts and a compose file', () => {
    const files = generate(application, add('kafka', 'orders'));
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

  it('changes nothing when it is run again, with the same broker or another', () => {
    const once = generate(application, add('kafka'));
    expect(generate(once, add('kafka'), add('nats'))).toEqual(once);
  });

  it('takes the memory broker and the name of the package where nothing is said', () => {
    const named = { ...commonjs, 'src/main.ts': MAIN, 'package.json': '{ "name": "@shop/stock" }' };
    const files = generate(named, add());
    expect(files['src/app.module.ts']).toMatch(/service: ["']stock["'], broker: memory\(\)/);
    expect(files['compose.yaml']).toBeUndefined();
  });

  it('says what to write where main is not as expected, or missing, and refuses an unknown broker', () => {
    const adapter = MAIN.replace('(AppModule)', '(AppModule, new FastifyAdapter())');
    expect(() => generate({ ...esm, 'src/main.ts': adapter }, add())).toThrow('add connectTransport(app)');
    expect(() => generate(esm, add())).toThrow('src has no main.ts');
    expect(() => generate(application, add('kafak'))).toThrow('There is no broker "kafak"; there are memory, kafka');
  });

  it('writes code that the compiler takes, on every broker', () => {
    for (const broker of ['memory', 'kafka', 'nats', 'nsq', 'rabbitmq']) {
      expect(complaintsAbout(generate(application, add(broker)))).toEqual([]);
    }
  }, 120_000);

  it('asks for the clients that the package has as peers', () => {
    const { peerDependencies } = JSON.parse(readFileSync(join(root, 'libs/transport/package.json'), 'utf8')) as {
      peerDependencies: Record<string, string>;
    };
    for (const broker of ['kafka', 'nats', 'rabbitmq']) {
      const { '@nestjs/microservices': _, ...clients } =
        manifestIn(generate(application, add(broker)))['dependencies'] ?? {};
      expect(peerDependencies).toMatchObject(clients);
      expect(Object.keys(clients).length).toBeGreaterThan(0);
    }
  });

  it('writes compose files with the servers that this repository runs', () => {
    const ours = readFileSync(join(root, 'compose.yaml'), 'utf8');
    for (const broker of ['kafka', 'nats', 'nsq', 'rabbitmq']) {
      const [image = 'no image'] = /image: .+/.exec(generate(application, add(broker))['compose.yaml'] ?? '') ?? [];
      expect(ours).toContain(image);
    }
  });
});
