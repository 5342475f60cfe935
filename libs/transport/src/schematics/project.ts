import { posix } from 'node:path';
import type { Tree } from '@angular-devkit/schematics';
import { unexpected } from './refusal.js';

/** What generated code has to fit. Read from the root's package.json, which all projects of a monorepo share. */
export interface Project {
  /** What ends a relative import: `.js` in ES modules, nothing in CommonJS. */
  readonly suffix: '.js' | '';
  readonly runner: 'jest' | 'vitest';
  /** Payloads get a schema where zod is there; it is not installed for that. */
  readonly hasZod: boolean;
}

interface Manifest {
  readonly type?: string;
  readonly dependencies?: Readonly<Record<string, string>>;
  readonly devDependencies?: Readonly<Record<string, string>>;
}

/** @throws TransportError `TRANSPORT_PROJECT_UNEXPECTED` when there is no package.json: the command was run outside of a project. */
export function projectOf(tree: Tree): Project {
  if (!tree.exists('package.json')) {
    throw unexpected('There is no package.json here: run the command in the root of a Nest project.');
  }
  const { type, dependencies, devDependencies } = tree.readJson('package.json') as Manifest;
  const installed = { ...dependencies, ...devDependencies };
  return {
    suffix: type === 'module' ? '.js' : '',
    runner: 'vitest' in installed ? 'vitest' : 'jest',
    hasZod: 'zod' in installed,
  };
}

/** The import of what a spec uses; Jest has it as globals. */
export const runnerImport = ({ runner }: Project, names: string): string =>
  runner === 'vitest' ? `import { ${names} } from 'vitest';\n` : '';

/** How the file `from` names the file `to` in an import. Both are paths from the root and end in `.ts`. */
export function importPath(from: string, to: string, { suffix }: Project): string {
  const path = posix.relative(posix.dirname(from), to).replace(/\.ts$/, suffix);
  return path.startsWith('.') ? path : `./${path}`;
}
