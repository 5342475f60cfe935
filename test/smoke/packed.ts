import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { withLock } from '../../scripts/lib/lock.mjs';
import { npmCommand } from '../../scripts/lib/install.mjs';
import { filesUnder, root } from '../architecture/tree.js';

const CACHE = join(root, 'node_modules', '.cache', 'nest-transport', 'pack');

/** The package as `npm pack` makes it. Packed once per state of its sources, however many suites ask. */
export async function packed(): Promise<string> {
  const state = stateOfSources();
  const tarball = join(CACHE, `${state}.tgz`);
  await withDist(async () => {
    if (existsSync(tarball)) return;
    rmSync(CACHE, { recursive: true, force: true });
    mkdirSync(CACHE, { recursive: true });
    pack(tarball);
  });
  return tarball;
}

/** Alone with the `dist` folders of this clone, which packing and `nest build` write: suites run side by side. */
export const withDist = <T>(work: () => Promise<T>): Promise<T> =>
  withLock(join(tmpdir(), `nest-transport-pack-${hash([root]).slice(0, 16)}.lock`), {}, work);

function pack(tarball: string): void {
  const folder = mkdtempSync(join(CACHE, 'packing-'));
  npm(['pack', '--workspace', 'nest-transport', '--pack-destination', folder], root);
  const [made = ''] = readdirSync(folder).filter((name) => name.endsWith('.tgz'));
  renameSync(join(folder, made), tarball);
  rmSync(folder, { recursive: true });
}

/** npm as a user calls it; what it prints goes to stderr. The variables of an npm that runs us are not handed on. */
export function npm(args: readonly string[], cwd: string): void {
  const [command = 'npm', ...first] = npmCommand();
  const env = Object.fromEntries(
    Object.entries(process.env).filter(([name]) => !/^npm_(?!config_)|^NODE_OPTIONS$/.test(name)),
  );
  execFileSync(command, [...first, ...args, '--loglevel=error'], { cwd, env, stdio: ['ignore', 2, 2] });
}

/** Whatever the build reads. */
function stateOfSources(): string {
  // The build copies these two pages into the library.
  const copies = ['CHANGELOG.md', 'UPGRADING.md'];
  const isCopy = (path: string): boolean => copies.some((page) => path === `libs/transport/${page}`);
  const isRead = (path: string): boolean => !path.endsWith('.spec.ts') && !isCopy(path);
  const library = [...filesUnder(join(root, 'libs', 'transport'))].filter(isRead);
  const others = [...copies, 'tsconfig.json', 'package-lock.json', 'scripts/build-library.mjs'];
  return hash([...library.sort(), ...others].flatMap((path) => [path, readFileSync(join(root, path))]));
}

function hash(parts: readonly (string | Buffer)[]): string {
  const sum = createHash('sha256');
  for (const part of parts) sum.update(part).update('\0');
  return sum.digest('hex').slice(0, 32);
}
