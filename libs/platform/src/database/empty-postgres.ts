import { randomUUID } from 'node:crypto';
import { mkdir, readFile, rename, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import type { PGlite } from '@electric-sql/pglite';

const require = createRequire(import.meta.url);

/**
 * An in-process Postgres with nothing in it. A first one sets itself up, which takes seconds, and is written down in
 * node_modules/.cache; the next ones start from there.
 */
export async function openEmpty(): Promise<PGlite> {
  // Loaded on first use: a service on a real server does not pay for the 10 MB of WebAssembly.
  const { PGlite } = await import('@electric-sql/pglite');
  const file = emptyFile();
  // It is not there before the first start.
  const written = await readFile(file).catch(() => undefined);
  if (written !== undefined) return PGlite.create({ loadDataDir: new Blob([written]) });
  const pglite = await PGlite.create();
  // If it cannot be written, the next start takes the same seconds again; nothing else is lost.
  await write(file, await pglite.dumpDataDir('none')).catch(() => undefined);
  return pglite;
}

/** Of this version of PGlite, whose files another one might not read. */
function emptyFile(): string {
  const installed = join(dirname(require.resolve('@electric-sql/pglite')), '..');
  const { version } = require(join(installed, 'package.json')) as { readonly version: string };
  return join(installed, '..', '..', '.cache', 'demo-platform', `pglite-${version}.tar`);
}

/** In one step for whoever reads it meanwhile. */
async function write(file: string, content: Blob): Promise<void> {
  const aside = `${file}.${randomUUID()}`;
  await mkdir(dirname(file), { recursive: true });
  await writeFile(aside, content.stream());
  await rename(aside, file);
}
