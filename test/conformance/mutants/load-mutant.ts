import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { memory } from 'nest-transport/memory';
import type { Mutant } from './mutants.js';

const SOURCES = fileURLToPath(new URL('../../../libs/transport/src/', import.meta.url));
const FOLDER = join(SOURCES, 'drivers/memory');

interface Driver {
  readonly memory: typeof memory;
}

/** The memory driver with one change, loaded from a copy of its sources. @throws Error when the text is not there exactly once */
export async function loadMutant({ file, from, to }: Mutant): Promise<Driver> {
  const copy = mkdtempSync(join(tmpdir(), 'mutant-'));
  try {
    for (const name of readdirSync(FOLDER).filter((each) => !each.endsWith('.spec.ts'))) {
      const source = readFileSync(join(FOLDER, name), 'utf8');
      writeFileSync(join(copy, name), outward(name === file ? replacedOnce(file, source, from, to) : source));
    }
    return (await import(join(copy, 'index.ts'))) as Driver;
  } finally {
    rmSync(copy, { recursive: true });
  }
}

function replacedOnce(file: string, source: string, from: string, to: string): string {
  const parts = source.split(from);
  if (parts.length === 2) return parts.join(to);
  throw new Error(`${file} has ${parts.length - 1} times, and not once: ${from}`);
}

/** Imports of the other modules of the library, so that the copy shares their classes. */
const outward = (source: string): string =>
  source.replace(/'\.\.\/\.\.\/([^']+)\.js'/g, (_, path: string) => `'${join(SOURCES, path)}'`);
