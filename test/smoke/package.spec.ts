import { execFileSync } from 'node:child_process';
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
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { npmCommand } from '../../scripts/lib/install.mjs';

const root = fileURLToPath(new URL('../../', import.meta.url));

interface Manifest {
  readonly name: string;
  readonly exports: Readonly<Record<string, string | Readonly<Record<string, string>>>>;
}

/** A user's folder: our package as npm packs it, and the peers of this clone. No source condition, no loader. */
class UsersFolder {
  readonly folder = mkdtempSync(join(tmpdir(), 'nest-transport-user-'));
  readonly package = join(this.folder, 'node_modules', 'nest-transport');

  fill(): void {
    mkdirSync(this.package, { recursive: true });
    for (const scope of ['', '@nestjs', '@bokuweb']) this.linkPeers(scope);
    const [npm = 'npm', ...args] = npmCommand();
    const pack = [
      ...args,
      'pack',
      '--loglevel=error',
      '--workspace',
      'nest-transport',
      '--pack-destination',
      this.folder,
    ];
    execFileSync(npm, pack, { cwd: root, stdio: ['ignore', 2, 2] });
    const [tarball = ''] = readdirSync(this.folder).filter((name) => name.endsWith('.tgz'));
    execFileSync('tar', ['-xzf', join(this.folder, tarball), '-C', this.package, '--strip-components=1']);
  }

  remove(): void {
    rmSync(this.folder, { recursive: true, force: true });
  }

  get manifest(): Manifest {
    return JSON.parse(readFileSync(join(this.package, 'package.json'), 'utf8')) as Manifest;
  }

  /** What a program of plain Node prints as JSON. */
  run(script: string): unknown {
    const args = ['--disable-warning=ExperimentalWarning', '--input-type=module', '-e', script];
    return JSON.parse(execFileSync(process.execPath, args, { cwd: this.folder, encoding: 'utf8' }));
  }

  private linkPeers(scope: string): void {
    const from = join(root, 'node_modules', scope);
    mkdirSync(join(this.folder, 'node_modules', scope), { recursive: true });
    for (const name of readdirSync(from)) {
      const to = join(this.folder, 'node_modules', scope, name);
      if (!name.startsWith('.') && !name.startsWith('@demo') && !existsSync(to)) symlinkSync(join(from, name), to);
    }
  }
}

describe('the package as npm packs it', () => {
  const user = new UsersFolder();
  beforeAll(() => user.fill(), 300_000);
  afterAll(() => user.remove());

  const doors = (): string[] => Object.keys(user.manifest.exports).filter((door) => door !== './package.json');

  it('holds what was built and nothing else: no sources, no specs', () => {
    const files = readdirSync(user.package, { recursive: true, encoding: 'utf8' });
    expect(files.filter((file) => /\.spec\.|^src\b/.test(file))).toEqual([]);
    expect(files.filter((file) => file.endsWith('.js')).length).toBeGreaterThan(100);
  });

  it('has a file behind every door and condition but our own', () => {
    const targets = Object.values(user.manifest.exports).flatMap((door) =>
      typeof door === 'string'
        ? [door]
        : Object.entries(door).flatMap(([name, file]) => (name.endsWith(':source') ? [] : [file])),
    );
    expect(targets.filter((file) => !existsSync(join(user.package, file)))).toEqual([]);
    expect(targets.length).toBeGreaterThan(16);
  });

  it('is one copy for import and require, at every door', () => {
    const script = `import { createRequire } from 'node:module';
      const require = createRequire(process.cwd() + '/x.js');
      const same = {};
      for (const door of ${JSON.stringify(doors())}) {
        const name = 'nest-transport' + door.slice(1);
        const [imported, required] = [await import(name), require(name)];
        const names = Object.keys(imported).filter((key) => key !== 'default');
        same[door] = names.length > 0 && names.every((key) => imported[key] === required[key]);
      }
      console.log(JSON.stringify(same));`;
    expect(user.run(script)).toEqual(Object.fromEntries(doors().map((door) => [door, true])));
  });

  // n.b. not the main door: it imports Nest, and Nest 12 is ES modules only, which such a Jest cannot load. Nest 11 is CommonJS.
  it('runs in a Jest of CommonJS, at every door that needs no Nest', () => {
    const names = doors()
      .filter((door) => door !== '.')
      .map((door) => `nest-transport${door.slice(1)}`);
    writeFileSync(join(user.folder, 'package.json'), '{ "type": "commonjs" }');
    const tests = names.map(
      (name) => `test('${name}', () => expect(Object.keys(require('${name}')).length).toBeGreaterThan(0));`,
    );
    writeFileSync(join(user.folder, 'doors.test.js'), tests.join('\n'));
    const jest = [join(root, 'node_modules/jest/bin/jest.js'), '--rootDir', user.folder, '--json', '--silent'];
    const { NODE_OPTIONS: _, ...env } = process.env;
    const report = execFileSync(process.execPath, jest, { cwd: user.folder, encoding: 'utf8', stdio: 'pipe', env });
    expect(JSON.parse(report)).toMatchObject({ numPassedTests: names.length, numFailedTests: 0 });
  });
});
