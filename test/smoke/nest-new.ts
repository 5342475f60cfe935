import { cpSync, readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { cacheFolder } from '../../scripts/lib/paths.mjs';
import { root } from '../architecture/tree.js';
import { filledFolder } from '../../tools/brokers/cached-folder.mjs';
import { toStderr } from '../../tools/brokers/to-stderr.mjs';
import { runAsUser } from './users-shell.js';

/** Major versions of Nest; 12 makes ES modules and Vitest, 11 CommonJS and Jest. */
export type NestVersion = 11 | 12;

/**
 * What `nest new shop` makes, its packages installed. Made once a day on a machine, so that it is what users get today; everybody
 * works in a copy.
 * @param to the folder that the application is to be; it must not be there
 */
export async function copyOfNew(nest: NestVersion, to: string): Promise<void> {
  const name = `nest-new-${nest}-`;
  const folder = join(cacheFolder(), name + new Date().toISOString().slice(0, 10));
  const made = await filledFolder(
    { folder, content: 'shop', list: 'files.json' },
    {
      fill: async (aside) => make(nest, aside),
      doing: `making an application of Nest ${nest}`,
      done: `application of Nest ${nest} made`,
      cost: 'once a day',
      log: toStderr('smoke'),
    },
  );
  cpSync(made, to, { recursive: true, verbatimSymlinks: true, preserveTimestamps: true });
  removeOthers(name, folder);
}

function make(nest: NestVersion, parent: string): void {
  const options = ['new', 'shop', '--skip-git', '--skip-install', '--package-manager', 'npm', '--strict'];
  if (nest === 12)
    runAsUser(process.execPath, [join(root, 'node_modules/@nestjs/cli/bin/nest.js'), ...options], parent);
  else runAsUser('npm', ['exec', '--yes', '--package=@nestjs/cli@11', '--', 'nest', ...options], parent);
  runAsUser('npm', ['install'], join(parent, 'shop'));
}

/** Those of other days. */
function removeOthers(name: string, kept: string): void {
  const others = readdirSync(cacheFolder())
    .filter((entry) => entry.startsWith(name))
    .map((entry) => join(cacheFolder(), entry));
  for (const other of others) if (!other.startsWith(kept)) rmSync(other, { recursive: true, force: true });
}
