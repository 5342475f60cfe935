import { readdirSync, readFileSync } from 'node:fs';
import { join, relative, sep } from 'node:path';
import { fileURLToPath } from 'node:url';

export const root = fileURLToPath(new URL('../../', import.meta.url));

export interface SourceFile {
  /** From the root of the clone, with forward slashes. */
  readonly path: string;
  readonly text: string;
}

const LEFT_OUT = new Set(['node_modules', 'dist', 'coverage', '.git']);

/** Every file of the clone that we write: nothing installed, nothing built. */
export function* filesUnder(folder: string = root): Generator<string> {
  for (const entry of readdirSync(folder, { withFileTypes: true })) {
    if (LEFT_OUT.has(entry.name) || entry.name.endsWith('.tmp')) continue;
    const path = join(folder, entry.name);
    if (entry.isDirectory()) yield* filesUnder(path);
    else if (entry.isFile()) yield relative(root, path).split(sep).join('/');
  }
}

export function read(path: string): SourceFile {
  return { path, text: readFileSync(join(root, path), 'utf8') };
}

export function typeScriptFiles(): SourceFile[] {
  return [...filesUnder()].filter((path) => path.endsWith('.ts')).map(read);
}
