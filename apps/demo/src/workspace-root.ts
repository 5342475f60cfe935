import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { pathToFileURL } from 'node:url';

/** Imports a module of the clone by its path from the root; works from source and from dist, which lie at different depths. */
export function importFromWorkspace(path: string): Promise<unknown> {
  return import(pathToFileURL(join(workspaceRoot(import.meta.dirname), path)).href);
}

function workspaceRoot(folder: string): string {
  if (existsSync(join(folder, 'nest-cli.json'))) return folder;
  if (dirname(folder) === folder) throw new Error('The demo runs inside its clone only: no nest-cli.json above it.');
  return workspaceRoot(dirname(folder));
}
