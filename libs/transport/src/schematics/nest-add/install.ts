import type { SchematicContext, Tree } from '@angular-devkit/schematics';

/** The lock files that tell a package manager; where there is none, npm is meant. */
const LOCK_FILES = { 'pnpm-lock.yaml': 'pnpm', 'yarn.lock': 'yarn', 'bun.lock': 'bun' };

/** Has the packages of package.json installed when the files are written. */
export function installLater(tree: Tree, context: SchematicContext): void {
  const [, packageManager = 'npm'] = Object.entries(LOCK_FILES).find(([file]) => tree.exists(file)) ?? [];
  // The devkit identifies a task by its name, so none of its classes is needed.
  const options = { command: 'install', quiet: true, workingDirectory: '.', packageManager };
  context.addTask({ toConfiguration: () => ({ name: 'node-package', options }) });
}

/**
 * Whether one of these is not where packages are installed, as after an installation that failed. Package managers that keep
 * packages elsewhere have not even ours there, and are believed.
 */
export const lacksInstalled = (tree: Tree, packages: readonly string[]): boolean =>
  isInstalled(tree, 'nest-transport') && !packages.every((name) => isInstalled(tree, name));

const isInstalled = (tree: Tree, name: string): boolean => tree.exists(`node_modules/${name}/package.json`);
