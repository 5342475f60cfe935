import { execFileSync, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { createInterface } from 'node:readline';
import { root } from '../architecture/tree.js';
import { packed } from './packed.js';

const FILES = {
  'package.json': JSON.stringify({
    name: 'shop',
    type: 'module',
    dependencies: { '@nestjs/microservices': '^12.0.0' },
    devDependencies: { jest: '^30.0.0' },
  }),
  'nest-cli.json': JSON.stringify({ collection: 'nest-transport', sourceRoot: 'src' }),
  'tsconfig.json': JSON.stringify({
    compilerOptions: {
      module: 'nodenext',
      target: 'ES2023',
      strict: true,
      experimentalDecorators: true,
      emitDecoratorMetadata: true,
      skipLibCheck: true,
      rootDir: 'src',
      outDir: 'dist',
      types: ['node', 'jest'],
    },
    include: ['src'],
  }),
  'src/app.module.ts':
    "import { Module } from '@nestjs/common';\n\n@Module({\n  imports: [],\n})\nexport class AppModule {}\n",
  'src/main.ts':
    "import { NestFactory } from '@nestjs/core';\nimport { AppModule } from './app.module.js';\n\n" +
    'const app = await NestFactory.create(AppModule);\nawait app.listen(process.env.PORT ?? 3000);\n',
};

/** An application of a user with our package from its tarball, and the other packages of this clone. */
class Application {
  readonly folder = mkdtempSync(join(tmpdir(), 'nest-transport-schematics-'));

  async fill(): Promise<void> {
    const modules = join(this.folder, 'node_modules');
    const ours = join(modules, 'nest-transport');
    mkdirSync(ours, { recursive: true });
    for (const name of readdirSync(join(root, 'node_modules'))) {
      if (name.startsWith('.') || name === 'nest-transport') continue;
      symlinkSync(join(root, 'node_modules', name), join(modules, name));
    }
    execFileSync('tar', ['-xzf', await packed(), '-C', ours, '--strip-components=1']);
    for (const [path, text] of Object.entries(FILES)) {
      mkdirSync(dirname(join(this.folder, path)), { recursive: true });
      writeFileSync(join(this.folder, path), text);
    }
  }

  remove(): void {
    rmSync(this.folder, { recursive: true, force: true });
  }

  read(path: string): string {
    return readFileSync(join(this.folder, path), 'utf8');
  }

  /** A tool of the application's node_modules; what it says goes into the error when it fails. */
  run(tool: string, args: readonly string[], options = ''): string {
    const { status, stdout, stderr } = spawnSync(process.execPath, [join('node_modules', tool), ...args], {
      cwd: this.folder,
      encoding: 'utf8',
      env: { ...process.env, NODE_OPTIONS: options },
    });
    if (status !== 0) throw new Error(`${tool} ${args.join(' ')} ended with ${status}:\n${stdout}${stderr}`);
    return stdout + stderr;
  }

  readonly nest = (...args: string[]): string => this.run('@nestjs/cli/bin/nest.js', args);

  /** Starts the built application, and ends it by SIGTERM when it listens. */
  async exitCodeAfterStart(): Promise<number | null> {
    const env = { ...process.env, NODE_OPTIONS: '', PORT: '0' };
    const child = spawn(process.execPath, ['dist/main.js'], {
      cwd: this.folder,
      env,
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    const exit = once(child, 'exit') as Promise<[number | null]>;
    for await (const line of createInterface(child.stdout)) {
      if (line.includes('successfully started')) child.kill('SIGTERM');
    }
    return (await exit)[0];
  }
}

describe('the schematics of the packed package, run by the Nest CLI', () => {
  const app = new Application();
  beforeAll(() => app.fill(), 300_000);
  afterAll(() => app.remove());

  it('add the transport and a subscriber to an application that then compiles, passes its tests, starts, and ends with 0', async () => {
    app.nest('add', 'nest-transport', '--skip-install', '--broker=memory');
    app.nest('g', 'subscriber', 'orders/order-created');
    app.run('typescript/bin/tsc', ['-p', '.']);
    app.run('jest/bin/jest.js', ['--rootDir', join(app.folder, 'dist')], '--experimental-vm-modules');
    expect(await app.exitCodeAfterStart()).toBe(0);
  }, 120_000);

  it('change nothing when they add it a second time', () => {
    const before = app.read('src/main.ts') + app.read('src/app.module.ts');
    expect(app.nest('add', 'nest-transport', '--skip-install', '--broker=memory')).toContain('Nothing to be done');
    expect(app.read('src/main.ts') + app.read('src/app.module.ts')).toBe(before);
  }, 60_000);

  it("leave Nest's own schematics at work in the same collection", () => {
    app.nest('g', 'service', 'stock');
    expect(app.read('src/app.module.ts')).toContain('StockService');
  }, 60_000);
});
