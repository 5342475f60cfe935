import { ROOMS, roomOf, violationsIn } from './rooms.js';
import { typeScriptFiles } from './tree.js';

const planted = (path: string, ...lines: string[]): string[] =>
  violationsIn([{ path, text: lines.join('\n') }]).map(({ where, what }) => `${where} ${what}`);

const src = 'libs/transport/src';

describe('who may import what', () => {
  const files = typeScriptFiles();

  it('is kept by every file', () => {
    expect(violationsIn(files)).toEqual([]);
  });

  it('was asked of the whole house, not of an empty list', () => {
    const floors = {
      contract: 12,
      consuming: 12,
      publishing: 8,
      codecs: 10,
      nest: 20,
      testing: 40,
      'drivers/memory': 8,
      'drivers/kafka': 15,
    };
    for (const [room, floor] of Object.entries(floors)) {
      const seen = files.filter(({ path }) => roomOf(path) === room).length;
      expect({ room, enough: seen >= floor }).toEqual({ room, enough: true });
    }
    expect(files.length).toBeGreaterThan(200);
    for (const folder of ['apps/', 'examples/', 'libs/contracts/', 'test/']) {
      expect(files.filter(({ path }) => path.startsWith(folder)).length).toBeGreaterThan(2);
    }
  });

  it('knows the room of every file in libs/transport/src', () => {
    const rooms = new Set(files.map(({ path }) => roomOf(path)).filter((room) => room !== undefined));
    expect([...rooms].filter((room) => ROOMS[room] === undefined)).toEqual([]);
  });
});

describe('a planted violation is seen', () => {
  it.each([
    [
      'contract',
      `${src}/contract/x.ts`,
      "import { run } from '../consuming/run.js';",
      'contract may not import consuming',
    ],
    ['contract, node:', `${src}/contract/x.ts`, "import { randomUUID } from 'node:crypto';", 'types only from node:'],
    [
      'contract, package',
      `${src}/contract/x.ts`,
      "import type { Kafka } from 'kafkajs';",
      'contract may not import this package',
    ],
    [
      'drivers, another driver',
      `${src}/drivers/kafka/x.ts`,
      "export * from '../memory/index.js';",
      'may not import drivers/memory',
    ],
    [
      'drivers, consuming',
      `${src}/drivers/memory/x.ts`,
      "import '../../consuming/runner/lanes.js';",
      'may not import consuming',
    ],
    [
      'drivers, publishing',
      `${src}/drivers/kafka/client/x.ts`,
      "import '../../../publishing/index.js';",
      'may not import publishing',
    ],
    [
      'drivers, nest',
      `${src}/drivers/kafka/x.ts`,
      "import type { A } from '../../nest/index.js';",
      'may not import nest',
    ],
    [
      'drivers, a foreign client',
      `${src}/drivers/memory/x.ts`,
      "await import('kafkajs');",
      'may not import this package',
    ],
    [
      'consuming, driver',
      `${src}/consuming/x.ts`,
      "import { memory } from '../drivers/memory/index.js';",
      'may not import drivers/memory',
    ],
    [
      'consuming, nest',
      `${src}/consuming/x.ts`,
      "import { Injectable } from '@nestjs/common';",
      'may not import this package',
    ],
    ['publishing, nest', `${src}/publishing/x.ts`, "import { A } from '../nest/index.js';", 'may not import nest'],
    [
      'publishing, consuming',
      `${src}/publishing/x.ts`,
      "import { A } from '../consuming/index.js';",
      'may not import consuming',
    ],
    [
      'codecs, a driver',
      `${src}/codecs/x.ts`,
      "import '../drivers/kafka/index.js';",
      'codecs may not import drivers/kafka',
    ],
    ['codecs, consuming', `${src}/codecs/x.ts`, "import '../consuming/index.js';", 'codecs may not import consuming'],
    ['codecs, nest', `${src}/codecs/x.ts`, "import { A } from '../nest/index.js';", 'may not import nest'],
    [
      'nest, a concrete driver',
      `${src}/nest/x.ts`,
      "import { memory } from '../drivers/memory/index.js';",
      'may not import drivers/memory',
    ],
    [
      'nest, internal',
      `${src}/nest/x.ts`,
      "import { A } from '@nestjs/common/internal';",
      'may not import this package',
    ],
    [
      'nest, deep',
      `${src}/nest/x.ts`,
      "import { Injector } from '@nestjs/core/injector/injector.js';",
      'may not import this package',
    ],
    [
      'a part that is not in the table',
      `${src}/console/x.ts`,
      "import '../nest/index.js';",
      'there is no room "console"',
    ],
    [
      'testing',
      `${src}/testing/x.ts`,
      "import { kafka } from '../drivers/kafka/index.js';",
      'may not import drivers/kafka',
    ],
    [
      'the main entry point',
      `${src}/index.ts`,
      "export { kafka } from './drivers/kafka/index.js';",
      'entry point may not import drivers/kafka',
    ],
    [
      'schematics',
      'libs/transport/src/schematics/event/x.ts',
      "import { A } from '../../index.js';",
      'schematics may not import entry point',
    ],
    ['a room nobody planned', `${src}/utils/x.ts`, "import 'node:fs';", 'there is no room "utils"'],
    [
      'a path out of the library',
      `${src}/nest/x.ts`,
      "import '../../../contracts/src/index.js';",
      'leaves libs/transport',
    ],
    [
      'cli',
      `${src}/cli/x.ts`,
      "import { kafka } from '../drivers/kafka/index.js';",
      'cli may not import drivers/kafka',
    ],
    ['cli, a computed import elsewhere', `${src}/cli/commands/x.ts`, 'const x = import(name);', 'computed'],
    ['a computed import', `${src}/nest/x.ts`, 'const x = import(name);', 'computed'],
    ['require', `${src}/consuming/x.ts`, "const x = require('rxjs');", 'may not import this package'],
    ['typeof import', `${src}/consuming/x.ts`, "let x: typeof import('rxjs');", 'may not import this package'],
    [
      'apps, deep path',
      'apps/demo/src/x.ts',
      "import '../../../libs/transport/src/index.js';",
      'use its public entry point',
    ],
    [
      'apps, a closed entry point',
      'apps/demo/src/x.ts',
      "import 'nest-transport/dist/index.js';",
      'has no entry point "./dist/index.js"',
    ],
    [
      'apps, inside another app',
      'apps/demo/src/x.ts',
      "import '../../order-service/src/biz/orders.js';",
      'use its public entry point',
    ],
    [
      'examples, deep path',
      'examples/01-hello/main.ts',
      "import '../../libs/transport/src/index.js';",
      'use its public entry point',
    ],
    [
      'examples, a closed entry point',
      'examples/01-hello/main.ts',
      "import 'nest-transport/x';",
      'no entry point "./x"',
    ],
    [
      'examples, inside another example',
      'examples/02-kafka/main.ts',
      "import '../01-hello/main.js';",
      'use its public entry point',
    ],
    [
      'examples, the sample shop',
      'examples/01-hello/main.ts',
      "import { OrderCreated } from '@demo/contracts';",
      'may not import the sample shop',
    ],
    [
      'libs/contracts',
      'libs/contracts/src/x.ts',
      "import '../../transport/src/contract/events.js';",
      'use its public entry point',
    ],
    [
      'test, inside an app',
      'test/e2e/x.spec.ts',
      "import '../../apps/demo/src/shop.js';",
      'use its public entry point',
    ],
    ['test', 'test/e2e/x.spec.ts', "import '../../libs/transport/src/nest/index.js';", 'use its public entry point'],
    [
      'specs in the library',
      `${src}/consuming/x.spec.ts`,
      "import '../drivers/kafka/index.js';",
      'may not import drivers/kafka',
    ],
  ])('in %s', (_name, path, line, complaint) => {
    expect(planted(path, '// first line', line)).toEqual([expect.stringContaining(complaint)]);
    expect(planted(path, '// first line', line)[0]).toContain(`${path}:2 `);
  });

  it.each([
    [`${src}/contract/x.ts`, "import type { Readable } from 'node:stream';"],
    [`${src}/contract/x.ts`, "import { type Readable, type Writable } from 'node:stream';"],
    [`${src}/drivers/kafka/x.ts`, "import type { Kafka } from 'kafkajs';"],
    [`${src}/nest/x.ts`, "import { ModulesContainer } from '@nestjs/core';"],
    [`${src}/testing/x.ts`, "import { memory } from '../drivers/memory/index.js';"],
    [`${src}/consuming/x.ts`, "// import { Kafka } from 'kafkajs';\nconst text = \"import 'kafkajs'\";"],
    [`${src}/cli/app-module.ts`, 'const x = import(name);'],
    ['apps/demo/src/x.ts', "import { kafka } from 'nest-transport/kafka';"],
    ['test/e2e/x.spec.ts', "import { Shop } from '../../apps/demo/src/index.js';"],
    ['apps/demo/src/x.ts', "import { OrderModule } from '../../order-service/src/index.js';"],
    ['test/e2e/x.spec.ts', "import { Shop } from '../../apps/demo/src/index.js';"],
    ['test/e2e/x.spec.ts', "import { startKafka } from '../brokers/kafka.mjs';"],
  ])('and what is allowed is let through: %s', (path, text) => {
    expect(planted(path, text)).toEqual([]);
  });
});
