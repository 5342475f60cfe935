import ts from 'typescript';
import { promisesToUsers } from './users-guarantees.js';
import { UsersFolder } from './users-folder.js';
import { ON_MEMORY, usersService } from './users-service.js';

describe('in a CommonJS project on Nest 11, installed from the tarball', () => {
  let folder: UsersFolder;
  beforeAll(async () => {
    folder = await UsersFolder.installed({
      packages: [
        '@nestjs/common@^11',
        '@nestjs/core@^11',
        '@nestjs/microservices@^11',
        '@nestjs/platform-express@^11',
        'reflect-metadata',
        'rxjs',
      ],
    });
  }, 300_000);
  afterAll(() => folder.remove());

  it('really runs on Nest 11, required as CommonJS', () => {
    const script =
      "console.log(JSON.stringify(['common', 'core', 'microservices'].map((name) => require('@nestjs/' + name + '/package.json').version)))";
    expect(folder.evaluate(script)).toEqual([
      expect.stringMatching(/^11\./),
      expect.stringMatching(/^11\./),
      expect.stringMatching(/^11\./),
    ]);
  });

  promisesToUsers(() => folder);

  it('runs in a Jest of CommonJS, from the files that are made for it', () => {
    folder.compile('jest-service', usersService(ON_MEMORY).replace(/async function main[^]*/, ''));
    folder.write(
      'service.test.js',
      `const { createTransportApp, defineEvent, Notices, Publisher, TransportModule } = require('nest-transport');
       const { AppModule } = require('./jest-service.js');
       test('a message is handled', async () => {
         expect(require.resolve('nest-transport')).toMatch(/dist.cjs.index\\.js$/);
         const app = await createTransportApp(AppModule, { http: false, logger: false, exitOnSignal: false });
         await app.listen();
         const acked = new Promise((resolve) => app.get(Notices).on('message:acked', resolve));
         await app.get(Publisher).publish(defineEvent('order.created'), { orderId: 'o-1' });
         expect(await acked).toMatchObject({ topic: 'order.created', group: 'stock' });
         await app.close();
       });
       test.each(['memory', 'kafka', 'codecs', 'testing', 'conformance'])('there is an entry point %s', (name) => {
         expect(Object.keys(require('nest-transport/' + name)).length).toBeGreaterThan(0);
       });`,
    );
    expect(folder.jest()).toMatchObject({ numPassedTests: 6, numFailedTests: 0 });
  });

  it.each([
    ['nodenext', { module: ts.ModuleKind.NodeNext, moduleResolution: ts.ModuleResolutionKind.NodeNext }],
    ['node16', { module: ts.ModuleKind.Node16, moduleResolution: ts.ModuleResolutionKind.Node16 }],
    [
      'node10',
      {
        module: ts.ModuleKind.CommonJS,
        moduleResolution: ts.ModuleResolutionKind.Node10,
        ignoreDeprecations: '6.0',
      },
    ],
    ['bundler', { module: ts.ModuleKind.CommonJS, moduleResolution: ts.ModuleResolutionKind.Bundler }],
  ])('has types for a project with moduleResolution %s', (_name, options) => {
    folder.write('typed.ts', usersService(ON_MEMORY));
    expect(folder.typeErrors('typed', options)).toEqual([]);
    folder.write('mistyped.ts', usersService(ON_MEMORY).replace("{ orderId: 'o-1' }", '{ orderId: 1 }'));
    expect(folder.typeErrors('mistyped', options)).toEqual([expect.stringContaining("'number' is not assignable")]);
  });
});
