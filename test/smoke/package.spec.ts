import { execFileSync, spawnSync } from 'node:child_process';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { npm, packed } from './packed.js';

const root = fileURLToPath(new URL('../../', import.meta.url));

interface Manifest {
  readonly name: string;
  readonly main: string;
  readonly types: string;
  readonly typesVersions: Readonly<Record<string, Readonly<Record<string, readonly string[]>>>>;
  readonly exports: Target;
  readonly dependencies?: unknown;
}

/** A file, or one by condition. */
type Target = string | { readonly [condition: string]: Target };

/** All files that are named, but those of our own condition. */
const filesOf = (target: Target): readonly string[] =>
  typeof target === 'string'
    ? [target]
    : Object.entries(target).flatMap(([condition, each]) => (condition.endsWith(':source') ? [] : filesOf(each)));

/** Files that have no place in the package. */
function misplaced(files: readonly string[]): string[] {
  const belongs =
    /^(LICENSE|README\.md|CHANGELOG\.md|UPGRADING\.md|package\.json|dist\/.+\.(js|d\.ts|js\.map)|dist\/cjs\/package\.json|dist\/schematics\/.+\.json)$/;
  return files.filter((file) => !belongs.test(file) || /\.(spec|test)\./.test(file));
}

/** A tool of this workspace, with what it says. */
function run(tool: string, args: readonly string[]): { status: number | null; said: string } {
  const env = { ...process.env, NODE_OPTIONS: undefined, NO_COLOR: '1' };
  const { status, stdout, stderr } = spawnSync(join(root, 'node_modules', '.bin', tool), args, {
    encoding: 'utf8',
    env,
  });
  return { status, said: stdout + stderr };
}

/** A user's folder: our package as npm packs it, and the peers of this clone. No source condition, no loader. */
class LinkedFolder {
  readonly folder = mkdtempSync(join(tmpdir(), 'nest-transport-user-'));
  readonly package = join(this.folder, 'node_modules', 'nest-transport');

  /** @param without packages that this user has not installed */
  constructor(readonly without: readonly string[] = []) {}

  async fill(): Promise<void> {
    mkdirSync(this.package, { recursive: true });
    const scopes = ['', '@nestjs', '@bokuweb', '@nats-io'].filter((scope) => !this.without.includes(scope));
    for (const scope of scopes) this.linkPeers(scope);
    execFileSync('tar', ['-xzf', await packed(), '-C', this.package, '--strip-components=1']);
  }

  remove(): void {
    rmSync(this.folder, { recursive: true, force: true });
  }

  get manifest(): Manifest {
    return JSON.parse(readFileSync(join(this.package, 'package.json'), 'utf8')) as Manifest;
  }

  /** What a program of plain Node prints as JSON. @param flags of Node */
  run(script: string, type: 'module' | 'commonjs' = 'module', flags: readonly string[] = []): unknown {
    const args = ['--disable-warning=ExperimentalWarning', ...flags, `--input-type=${type}`, '-e', script];
    return JSON.parse(execFileSync(process.execPath, args, { cwd: this.folder, encoding: 'utf8' }));
  }

  /** Bundles a program as a service is bundled: with the library, without Nest. @returns its path */
  bundle(program: string, name: string, args: readonly string[]): string {
    writeFileSync(join(this.folder, `${name}.js`), program);
    const file = join(this.folder, `${name}.bundle.${args.includes('--format=esm') ? 'mjs' : 'cjs'}`);
    const externals = ['@nestjs/*', 'rxjs', 'reflect-metadata'].map((each) => `--external:${each}`);
    const given = [join(this.folder, `${name}.js`), '--bundle', '--platform=node', `--outfile=${file}`, ...externals];
    const { status, said } = run('esbuild', [...given, '--log-level=warning', ...args]);
    expect({ status, said }).toEqual({ status: 0, said: '' });
    return file;
  }

  private linkPeers(scope: string): void {
    const from = join(root, 'node_modules', scope);
    mkdirSync(join(this.folder, 'node_modules', scope), { recursive: true });
    for (const name of readdirSync(from)) {
      const to = join(this.folder, 'node_modules', scope, name);
      if (!name.startsWith('.') && !name.startsWith('@demo') && !this.without.includes(name) && !existsSync(to))
        symlinkSync(join(from, name), to);
    }
  }
}

describe('the package as npm packs it', () => {
  const user = new LinkedFolder();
  beforeAll(() => user.fill(), 300_000);
  afterAll(() => user.remove());

  const entryPoints = (): string[] =>
    Object.keys(user.manifest.exports).filter((entryPoint) => entryPoint !== './package.json');

  it('holds what was built, what explains it and nothing else: no sources, no specs', () => {
    const files = readdirSync(user.package, { recursive: true, encoding: 'utf8', withFileTypes: true })
      .filter((entry) => entry.isFile())
      .map((entry) => relative(user.package, join(entry.parentPath, entry.name)));
    expect(misplaced(files)).toEqual([]);
    expect(files).toEqual(expect.arrayContaining(['LICENSE', 'README.md', 'package.json', 'dist/cjs/package.json']));
    expect(files.filter((file) => file.endsWith('.js')).length).toBeGreaterThan(100);
  });

  it('would be caught with a source, a spec, a note or a build log in it', () => {
    const strays = ['src/index.ts', 'dist/index.spec.js', 'dist/index.ts', 'NOTES.md', 'dist/tsconfig.tsbuildinfo'];
    expect(misplaced([...strays, 'dist/index.js', 'dist/index.d.ts', 'dist/cjs/index.js', 'LICENSE'])).toEqual(strays);
  });

  it.each(['LICENSE', 'CHANGELOG.md', 'UPGRADING.md'])('has the %s of the workspace', (file) => {
    expect(readFileSync(join(user.package, file), 'utf8')).toBe(readFileSync(join(root, file), 'utf8'));
  });

  /** Modules without a map that leads to their text. */
  const withoutSource = (folder: string): string[] =>
    readdirSync(folder, { recursive: true, encoding: 'utf8' })
      .filter((file) => file.endsWith('.js') && !file.startsWith('cjs/'))
      .filter((file) => {
        const map = existsSync(join(folder, `${file}.map`)) ? readFileSync(join(folder, `${file}.map`), 'utf8') : '{}';
        const { sourcesContent = [] } = JSON.parse(map) as { sourcesContent?: readonly unknown[] };
        const isNamed = readFileSync(join(folder, file), 'utf8').includes('\n//# sourceMappingURL=');
        return !isNamed || sourcesContent.length === 0 || sourcesContent.some((text) => typeof text !== 'string');
      });

  it('leads from every module to its source by a map that holds the text', () => {
    expect(withoutSource(join(user.package, 'dist'))).toEqual([]);
  });

  it('would be caught with a module without a map, one that does not name it, and a map without the text', () => {
    const folder = join(user.folder, 'maps');
    mkdirSync(folder);
    const named = (name: string): string => `x;\n//# sourceMappingURL=${name}.js.map`;
    const texts = { bare: named('bare'), silent: 'x;', empty: named('empty'), good: named('good') };
    for (const [name, text] of Object.entries(texts)) writeFileSync(join(folder, `${name}.js`), text);
    for (const name of ['silent', 'good']) writeFileSync(join(folder, `${name}.js.map`), '{ "sourcesContent": ["x"] }');
    writeFileSync(join(folder, 'empty.js.map'), '{ "sources": ["empty.ts"] }');
    expect(withoutSource(folder).sort()).toEqual(['bare.js', 'empty.js', 'silent.js']);
  });

  it('has a file behind every door and condition but our own', () => {
    const { main, types, typesVersions, exports } = user.manifest;
    const older = Object.values(typesVersions).flatMap((each) => Object.values(each).flat());
    const targets = [main, types, ...older, ...filesOf(exports)];
    expect(targets.filter((file) => !existsSync(join(user.package, file)))).toEqual([]);
    expect(targets.length).toBeGreaterThan(60);
  });

  it('has types at every entry point for the classic module resolution', () => {
    const older = Object.keys(user.manifest.typesVersions['*'] ?? {}).map((name) => `./${name}`);
    expect(['.', ...older]).toEqual(entryPoints());
  });

  it('installs nothing but itself: it has no dependencies', () => {
    expect(user.manifest.dependencies).toBeUndefined();
  });

  it('lists all its entry points in its README', () => {
    const readme = readFileSync(join(user.package, 'README.md'), 'utf8');
    const rows = [...readme.matchAll(/^\| `(nest-transport[^`]*)` \|/gm)].map(([, name = '']) => name);
    expect(rows.sort()).toEqual(
      entryPoints()
        .map((door) => `nest-transport${door.slice(1)}`)
        .sort(),
    );
  });

  const tools = [
    { tool: 'publint', args: ['run', '--strict'], complaint: 'does not exist' },
    { tool: 'attw', args: ['--profile', 'strict'], complaint: 'Resolution failed' },
  ];

  it.each(tools)('has entry points that $tool finds nothing wrong with', async ({ tool, args }) => {
    const { status, said } = run(tool, [...args, await packed()]);
    expect({ status, said: status === 0 ? '' : said }).toEqual({ status: 0, said: '' });
  });

  it.each(tools)('would be caught by $tool with an entry point that leads nowhere', ({ tool, args, complaint }) => {
    const broken = join(user.folder, `broken-${tool}`);
    mkdirSync(join(broken, 'dist'), { recursive: true });
    const exports = {
      '.': { types: './dist/index.d.ts', default: './dist/index.js' },
      './gone': { types: './dist/gone.d.ts', default: './dist/gone.js' },
    };
    const manifest = { name: 'broken', version: '1.0.0', type: 'module', files: ['dist'], exports };
    writeFileSync(join(broken, 'package.json'), JSON.stringify(manifest));
    writeFileSync(join(broken, 'dist', 'index.js'), 'export const x = 1;');
    writeFileSync(join(broken, 'dist', 'index.d.ts'), 'export declare const x = 1;');
    npm(['pack'], broken);
    expect(run(tool, [...args, join(broken, 'broken-1.0.0.tgz')])).toEqual({
      status: 1,
      said: expect.stringContaining(complaint),
    });
  });

  it('is one copy for import and require, at every entry point', () => {
    const script = `import { createRequire } from 'node:module';
      const require = createRequire(process.cwd() + '/x.js');
      const same = {};
      for (const entryPoint of ${JSON.stringify(entryPoints())}) {
        const name = 'nest-transport' + entryPoint.slice(1);
        const [imported, required] = [await import(name), require(name)];
        const names = Object.keys(imported).filter((key) => key !== 'default');
        same[entryPoint] = names.length > 0 && names.every((key) => imported[key] === required[key]);
      }
      console.log(JSON.stringify(same));`;
    expect(user.run(script)).toEqual(Object.fromEntries(entryPoints().map((entryPoint) => [entryPoint, true])));
  });

  // n.b. not the main entry point: it imports Nest, and Nest 12 is ES modules only, which such a Jest cannot load. Nest 11 is CommonJS.
  it('runs in a Jest of CommonJS, at every entry point that needs no Nest', () => {
    const names = entryPoints()
      .filter((entryPoint) => entryPoint !== '.')
      .map((entryPoint) => `nest-transport${entryPoint.slice(1)}`);
    writeFileSync(join(user.folder, 'package.json'), '{ "type": "commonjs" }');
    const tests = names.map(
      (name) => `test('${name}', () => expect(Object.keys(require('${name}')).length).toBeGreaterThan(0));`,
    );
    writeFileSync(join(user.folder, 'entry-points.test.js'), tests.join('\n'));
    const jest = [join(root, 'node_modules/jest/bin/jest.js'), '--rootDir', user.folder, '--json', '--silent'];
    const { NODE_OPTIONS: _, ...env } = process.env;
    const report = execFileSync(process.execPath, jest, { cwd: user.folder, encoding: 'utf8', stdio: 'pipe', env });
    expect(JSON.parse(report)).toMatchObject({ numPassedTests: names.length, numFailedTests: 0 });
  });
});

describe('a bundle by esbuild of an application that uses Kafka and codecs, without any optional package but kafkajs', () => {
  const without = ['snappy', 'lz4-napi', '@bokuweb', 'avsc', 'ajv', '@msgpack', '@bufbuild', '@nats-io', 'amqplib'];
  const user = new LinkedFolder(without);
  beforeAll(() => user.fill(), 300_000);
  afterAll(() => user.remove());

  const PROGRAM = `
    import 'reflect-metadata';
    import { Module } from '@nestjs/common';
    import { createTransportApp, TransportModule } from 'nest-transport';
    import { kafka } from 'nest-transport/kafka';
    import { rabbitmq } from 'nest-transport/rabbitmq';
    import { msgpack } from 'nest-transport/codecs';
    const codeOf = (work) => Promise.resolve().then(work).then(() => 'none', (error) => error.code ?? error.stack);
    const started = async (broker) => {
      class AppModule {}
      Module({ imports: [TransportModule.forRoot({ service: 's', broker, connect: 'fail', logger: false })] })(AppModule);
      const app = await createTransportApp(AppModule, { logger: false, abortOnError: false, exitOnSignal: false });
      await app.init();
    };
    const codes = Promise.all([
      codeOf(() => started(kafka({ brokers: ['127.0.0.1:1'] }))),
      codeOf(() => started(rabbitmq({ url: 'amqp://127.0.0.1:1' }))),
      codeOf(() => msgpack().encode({ a: 1 }, 'topic')),
      codeOf(() => started(kafka({ brokers: ['127.0.0.1:1'], compression: 'snappy' }))),
    ]);
    codes.then((all) => process.stdout.write(JSON.stringify(all), () => process.exit(0)));
  `;

  it.each([['--format=esm'], ['--format=cjs']])(
    'builds and runs, %s; what is not installed is reported when it is used',
    (format) => {
      // n.b. what every ES module needs that esbuild made of CommonJS packages.
      const banner =
        "--banner:js=import { createRequire } from 'node:module'; const require = createRequire(import.meta.url);";
      const file = user.bundle(PROGRAM, format.slice(-3), [format, ...(format === '--format=esm' ? [banner] : [])]);
      // n.b. kafkajs is in the bundle: nothing of it is beside it any more.
      rmSync(join(user.folder, 'node_modules', 'kafkajs'), { force: true });
      const codes: unknown = JSON.parse(execFileSync(process.execPath, [file], { cwd: user.folder, encoding: 'utf8' }));
      symlinkSync(join(root, 'node_modules', 'kafkajs'), join(user.folder, 'node_modules', 'kafkajs'));
      const missing = 'TRANSPORT_PEER_MISSING';
      expect(codes).toEqual(['TRANSPORT_BROKER_UNREACHABLE', missing, missing, missing]);
    },
    120_000,
  );
});

describe('hooks of instrumentations, as OpenTelemetry has them', () => {
  const user = new LinkedFolder();
  beforeAll(() => user.fill(), 300_000);
  afterAll(() => user.remove());

  /** What a driver calls of its client first: a hook that is seen has replaced it with one that keeps its calls. */
  const FIRST_CALLS = { kafkajs: 'Kafka', amqplib: 'connect', '@nats-io/transport-node': 'connect' };
  const KEPT = `
    globalThis.calls = new Set();
    globalThis.kept = (name, work) => new Proxy(work, {
      apply: (...call) => (calls.add(name), Reflect.apply(...call)),
      construct: (...call) => (calls.add(name), Reflect.construct(...call)),
    });
    const firstCalls = ${JSON.stringify(FIRST_CALLS)};
  `;
  /** As require-in-the-middle: it returns other exports for what is required. Most instrumentations patch the exports, as here those of amqplib. */
  const REQUIRE_HOOK = `${KEPT}
    const Module = require('node:module');
    const original = Module.prototype.require;
    const patched = (name, exports) => {
      const change = { [firstCalls[name]]: kept(name, exports[firstCalls[name]]) };
      return name === 'amqplib' ? Object.assign(exports, change) : { ...exports, ...change };
    };
    Module.prototype.require = function (id) {
      const exports = original.call(this, id);
      const file = Module._resolveFilename(id, this);
      const isMain = (name) => file.includes('/node_modules/' + name + '/') && file === require.resolve(name);
      const name = Object.keys(firstCalls).find(isMain);
      return name === undefined ? exports : patched(name, exports);
    };
  `;
  /** As import-in-the-middle: an ES module of its own stands before what is imported. */
  const IMPORT_HOOKS = `
    const firstCalls = ${JSON.stringify(FIRST_CALLS)};
    export async function resolve(specifier, context, next) {
      const found = await next(specifier, context);
      const isHooked = specifier in firstCalls && !context.parentURL?.startsWith('hooked:');
      return isHooked ? { url: 'hooked:' + specifier + '?' + found.url, format: 'module', shortCircuit: true } : found;
    }
    export async function load(url, context, next) {
      const [, name, file] = /^hooked:([^?]+)[?](.+)$/.exec(url) ?? [];
      if (name === undefined) return next(url, context);
      const source =
        'import client from "' + file + '"; export * from "' + file + '"; export default client;' +
        'export const ' + firstCalls[name] + ' = kept("' + name + '", client.' + firstCalls[name] + ');';
      return { format: 'module', source, shortCircuit: true };
    }
  `;
  const PROGRAM = `
    const drivers = [
      kafka({ brokers: ['127.0.0.1:1'] }),
      rabbitmq({ url: 'amqp://127.0.0.1:1' }),
      nats({ servers: ['nats://127.0.0.1:1'] }),
    ];
    const started = async (broker) => {
      class AppModule {}
      Module({ imports: [TransportModule.forRoot({ service: 's', broker, connect: 'fail', logger: false })] })(AppModule);
      const app = await createTransportApp(AppModule, { logger: false, abortOnError: false, exitOnSignal: false });
      await app.init();
    };
    Promise.all(drivers.map((driver) => started(driver).then(() => 'none', (error) => error.code ?? error.stack)))
      .then((codes) => process.stdout.write(JSON.stringify({ codes, calls: [...calls].sort() }), () => process.exit(0)));
  `;
  const NAMES = {
    'reflect-metadata': '',
    '@nestjs/common': '{ Module }',
    'nest-transport': '{ createTransportApp, TransportModule }',
    'nest-transport/kafka': '{ kafka }',
    'nest-transport/rabbitmq': '{ rabbitmq }',
    'nest-transport/nats': '{ nats }',
  };
  const program = (line: (names: string, from: string) => string): string =>
    Object.entries(NAMES)
      .map(([from, names]) => line(names || '{}', from))
      .join('\n') + PROGRAM;
  const COMMON_JS = program((names, from) => `const ${names} = require('${from}');`);
  const ES_MODULE = program((names, from) => `import ${names} from '${from}';`);

  /** Node's flags that set the hooks. */
  function flagsOf(hook: 'require' | 'import'): string[] {
    const write = (name: string, text: string): string => {
      writeFileSync(join(user.folder, name), text);
      return `./${name}`;
    };
    if (hook === 'require') return ['--require', write('require-hook.cjs', REQUIRE_HOOK)];
    write('import-hooks.mjs', IMPORT_HOOKS);
    const registration = `import { register } from 'node:module'; register('./import-hooks.mjs', import.meta.url);`;
    return ['--import', write('import-hook.mjs', `${registration}\n${KEPT}`)];
  }

  it.each([
    { hook: 'require', application: 'CommonJS', type: 'commonjs', text: COMMON_JS },
    { hook: 'require', application: 'ES modules', type: 'module', text: ES_MODULE },
    { hook: 'import', application: 'CommonJS', type: 'commonjs', text: COMMON_JS },
    { hook: 'import', application: 'ES modules', type: 'module', text: ES_MODULE },
  ] as const)(
    'a hook of $hook patches the clients that the drivers use, in an application of $application',
    ({ hook, type, text }) => {
      const unreachable = 'TRANSPORT_BROKER_UNREACHABLE';
      expect(user.run(text, type, flagsOf(hook))).toEqual({
        codes: [unreachable, unreachable, unreachable],
        calls: Object.keys(FIRST_CALLS).sort(),
      });
    },
    120_000,
  );
});
