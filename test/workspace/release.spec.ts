import { execFileSync, spawnSync } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { isReleasable, obstacles, publishCommand, sectionOf, withSection } from '../../scripts/lib/release-plan.mjs';
import { root } from '../architecture/tree.js';

const CHANGELOG = '# Changelog\n\n## Unreleased\n\n### Added\n\n- A thing.\n';
const MANIFEST = {
  name: 'tiny',
  version: '0.0.0',
  license: 'MIT',
  repository: { type: 'git', url: 'git+https://github.com/a/tiny.git' },
  files: ['dist'],
  main: './dist/index.js',
  types: './dist/index.d.ts',
  exports: { '.': { types: './dist/index.d.ts', default: './dist/index.js' } },
};
const BUILD = `import { mkdirSync, writeFileSync } from 'node:fs';
const dist = new URL('../libs/transport/dist/', import.meta.url);
mkdirSync(dist, { recursive: true });
writeFileSync(new URL('index.js', dist), 'exports.x = 1;\\n');
writeFileSync(new URL('index.d.ts', dist), 'export declare const x: number;\\n');
`;

/** A clone of its own with our release script and a package that builds in no time. */
class Clone {
  readonly folder = mkdtempSync(join(tmpdir(), 'nest-transport-release-test-'));

  constructor() {
    cpSync(join(root, 'scripts'), join(this.folder, 'scripts'), { recursive: true });
    symlinkSync(join(root, 'node_modules'), join(this.folder, 'node_modules'));
    this.write('package.json', '{ "private": true, "type": "module" }\n');
    this.write('scripts/build-library.mjs', BUILD);
    this.write('libs/transport/package.json', `${JSON.stringify(MANIFEST, undefined, 2)}\n`);
    this.write('CHANGELOG.md', CHANGELOG);
    this.write('.gitignore', 'node_modules\ndist\n');
    this.git('init', '--quiet');
    this.commit();
  }

  write(path: string, text: string): void {
    mkdirSync(dirname(join(this.folder, path)), { recursive: true });
    writeFileSync(join(this.folder, path), text);
  }

  read(path: string): string {
    return readFileSync(join(this.folder, path), 'utf8');
  }

  git(...args: readonly string[]): string {
    const who = ['-c', 'user.name=t', '-c', 'user.email=t@localhost', '-c', 'commit.gpgsign=false'];
    return execFileSync('git', [...who, ...args], { cwd: this.folder, encoding: 'utf8' });
  }

  commit(): void {
    this.git('add', '--all');
    this.git('commit', '--quiet', '--no-verify', '--message', 'x');
  }

  release(...args: readonly string[]) {
    const { NODE_OPTIONS: _, ...env } = process.env;
    const script = join(this.folder, 'scripts/release.mjs');
    const { status, stdout, stderr } = spawnSync(process.execPath, [script, ...args], {
      cwd: this.folder,
      encoding: 'utf8',
      env,
    });
    return { code: status, stdout, stderr };
  }
}

describe('npm run release', () => {
  let clone: Clone;
  beforeEach(() => (clone = new Clone()));
  afterEach(() => rmSync(clone.folder, { recursive: true, force: true }));

  it('prepares a version, and its dry run builds, checks and packs it, shows the command, and leaves the clone as it was', () => {
    expect(clone.release('--prepare', '0.1.0')).toMatchObject({ code: 0, stderr: '' });
    clone.commit();
    const { code, stdout, stderr } = clone.release('--dry-run');
    expect({ code, stderr: code === 0 ? '' : stderr }).toEqual({ code: 0, stderr: '' });
    for (const what of ['the build', 'publint', 'attw']) expect(stdout).toContain(`${what}: ok\n`);
    expect(stdout).toContain('Would publish tiny@0.1.0: 3 files');
    expect(stdout).toContain('npm publish tiny-0.1.0.tgz --provenance --access public --tag latest');
    expect(stdout).toContain('nothing was published');
    expect(clone.git('status', '--porcelain')).toBe('');
    expect(clone.git('tag')).toBe('');
  }, 120_000);

  it('stops before the build, and says what to do, where the version or the working tree is not ready', () => {
    expect(clone.release('--dry-run')).toMatchObject({
      code: 1,
      stderr: '[release] Version 0.0.0 cannot be released. Run: npm run release -- --prepare 0.1.0\n',
    });
    clone.release('--prepare', '0.1.0');
    expect(clone.release('--dry-run')).toMatchObject({
      code: 1,
      stderr: expect.stringContaining('not clean (2 files'),
    });
    expect(existsSync(join(clone.folder, 'libs/transport/dist'))).toBe(false);
  });

  it('stops where the package has an entry point without a file', () => {
    clone.release('--prepare', '0.1.0');
    clone.write(
      'libs/transport/package.json',
      clone.read('libs/transport/package.json').replaceAll('index.js', 'gone.js'),
    );
    clone.commit();
    const { code, stderr } = clone.release('--dry-run');
    expect({ code, stderr }).toEqual({ code: 1, stderr: expect.stringContaining('publint ended with exit code 1') });
  }, 120_000);

  it('publishes nothing without --dry-run', () => {
    expect(clone.release()).toMatchObject({
      code: 1,
      stdout: '',
      stderr: expect.stringContaining('CI of the repository'),
    });
  });
});

describe('what stands in the way of a release', () => {
  const ready = {
    manifest: { ...MANIFEST, version: '0.2.0' },
    changelog: withSection(CHANGELOG, '0.2.0', '2026-12-01'),
    status: '',
    tags: ['v0.1.0'],
  };

  it('is nothing for a clean tree, a new version and its section', () => {
    expect(obstacles(ready)).toEqual([]);
    expect(sectionOf(ready.changelog, '0.2.0')).toBe('### Added\n\n- A thing.');
  });

  it.each([
    ['a tag of this version', { tags: ['v0.2.0'] }, /released already/],
    [
      'a section of another version',
      { changelog: withSection(CHANGELOG, '0.3.0', '2026-12-01') },
      /no section "## 0.2.0/,
    ],
    ['a section without a date', { changelog: '# C\n\n## 0.2.0 - unreleased\n\n- x\n' }, /no section/],
    ['an empty section', { changelog: '# C\n\n## 0.2.0 - 2026-12-01\n\n## 0.1.0 - 2026-11-01\n' }, /is empty/],
    ['a change that is not committed', { status: ' M a.ts\n' }, /not clean \(1 files, for example a.ts\)/],
    ['no repository', { manifest: { name: 'tiny', version: '0.2.0' } }, /no repository/],
  ])('is %s', (_what, change, sentence) => {
    expect(obstacles({ ...ready, ...change })).toEqual([expect.stringMatching(sentence)]);
  });

  it('is a version before 0.1.0, or none', () => {
    expect(['0.1.0', '1.0.0', '2.3.4-rc.1'].map(isReleasable)).toEqual([true, true, true]);
    expect(['0.0.0', '0.0.9', '1.0', 'v1.0.0', '01.0.0'].map(isReleasable)).toEqual(Array(5).fill(false));
  });

  it('is not a pre-release, which gets the tag next', () => {
    expect(publishCommand({ name: 'tiny', version: '0.2.0-rc.1' }, 'x.tgz')).toContain(
      '--provenance --access public --tag next',
    );
  });
});
