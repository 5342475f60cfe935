import { posix } from 'node:path';
import type { SchematicContext, Tree } from '@angular-devkit/schematics';
import { createFile } from '../files.js';
import type { Names } from '../names.js';
import { brokerCalled, type BrokerChoice } from '../nest-add/brokers.js';
import { addCompose } from '../nest-add/compose-file.js';
import { addPackages, brokersOf } from '../nest-add/index.js';
import type { Project } from '../project.js';
import { unexpected } from '../refusal.js';
import { mainFile, moduleFile } from './templates.js';

/** What is known of `nest-cli.json`. */
interface NestCli {
  readonly monorepo?: boolean;
  readonly projects?: Readonly<Record<string, object>>;
  readonly compilerOptions?: { readonly builder?: string | { readonly type?: string }; readonly webpack?: boolean };
}

/** An application to be written into a monorepo. */
interface NewApplication {
  readonly names: Names;
  readonly project: Project;
  /** Its folder. */
  readonly root: string;
  /** The broker by name. */
  readonly type?: string;
  readonly skipInstall?: boolean;
}

/** Whether the project has applications in folders of their own. */
export const isMonorepo = (tree: Tree): boolean =>
  tree.exists('nest-cli.json') && (readJson(tree, 'nest-cli.json') as NestCli).monorepo === true;

/** Writes the frame of an application, and makes it known to the CLI and the compiler. */
export async function writeApplication(tree: Tree, context: SchematicContext, given: NewApplication): Promise<void> {
  const { names, project, root, type, skipInstall = false } = given;
  const broker: BrokerChoice = type === undefined ? (brokersOf(tree, 'apps')[0] ?? 'memory') : brokerCalled(type);
  await createFile(tree, `${root}/src/main.ts`, mainFile(names, project));
  await createFile(tree, `${root}/src/${names.file}.module.ts`, moduleFile(names, project, broker));
  const tsConfig = `${root}/tsconfig.app.json`;
  await createFile(tree, tsConfig, tsConfigText(root));
  if (project.runner === 'jest') await createFile(tree, `${root}/test/jest-e2e.json`, JEST_E2E);
  addProject(tree, names.file, root, tsConfig);
  addCompose(tree, broker, context);
  addPackages(tree, context, [broker], skipInstall);
}

function addProject(tree: Tree, name: string, root: string, tsConfigPath: string): void {
  const cli = readJson(tree, 'nest-cli.json') as NestCli;
  const sourceRoot = `${root}/src`;
  const added = { type: 'application', root, entryFile: 'main', sourceRoot, compilerOptions: { tsConfigPath } };
  writeJson(tree, 'nest-cli.json', { ...cli, projects: { ...cli.projects, [name]: added } });
  if (!tree.exists('tsconfig.json')) return;
  const config = readJson(tree, 'tsconfig.json') as { readonly references?: readonly object[] };
  if (config.references === undefined) return;
  writeJson(tree, 'tsconfig.json', { ...config, references: [...config.references, { path: `./${tsConfigPath}` }] });
}

/** The built main, from the root of the project. A bundler makes one file; the compiler keeps the folders of a monorepo. */
export function mainOfApplication(tree: Tree, root: string, name: string): string {
  if (!isMonorepo(tree)) return 'dist/main.js';
  const { builder, webpack } = (readJson(tree, 'nest-cli.json') as NestCli).compilerOptions ?? {};
  const type = typeof builder === 'object' ? builder.type : builder;
  const isBundled = type === 'rspack' || type === 'webpack' || (type === undefined && webpack === true);
  return isBundled ? `dist/apps/${name}/main.js` : posix.join('dist/apps', name, root, 'src/main.js');
}

function readJson(tree: Tree, path: string): unknown {
  try {
    return JSON.parse(tree.readText(path));
  } catch {
    throw unexpected(`${path} is not plain JSON; nothing was written. Take out its comments, and run this again.`);
  }
}

const writeJson = (tree: Tree, path: string, value: object): void =>
  tree.overwrite(path, `${JSON.stringify(value, undefined, 2)}\n`);

/** As Nest's own applications in a monorepo have it. */
const tsConfigText = (root: string): string => {
  const up = posix.relative(root, '.');
  return JSON.stringify({
    extends: `${up}/tsconfig.json`,
    compilerOptions: { declaration: false, rootDir: up, outDir: `${up}/dist/${root}` },
    include: ['src/**/*'],
    exclude: ['node_modules', 'dist', 'test', '**/*spec.ts'],
  });
};

const JEST_E2E = JSON.stringify({
  moduleFileExtensions: ['js', 'json', 'ts'],
  rootDir: '.',
  testEnvironment: 'node',
  testRegex: '.e2e-spec.ts$',
  transform: { '^.+\\.(t|j)s$': 'ts-jest' },
});
