import { posix } from 'node:path';
import type { Rule, SchematicContext, Tree } from '@angular-devkit/schematics';
import { changeFile, createFile } from '../files.js';
import { addToModule, moduleClass, nearestModule } from '../module-file.js';
import { namesOf, type Names } from '../names.js';
import { hasTransport } from '../nest-add/index.js';
import { importPath, projectOf, type Project } from '../project.js';
import { writePublisher } from '../publisher/index.js';
import { unexpected } from '../refusal.js';
import { writeSubscriber } from '../subscriber/index.js';
import { isMonorepo, mainOfApplication, writeApplication } from './application.js';
import { writeDockerfile } from './dockerfile.js';
import { controllerFile, e2eSpec, healthFile, moduleFile } from './templates.js';

/** Options of `nest g -c nest-transport event-service <name>`. */
export interface EventServiceOptions {
  /** What the service is about: `billing`. */
  readonly name: string;
  /** The broker of an application in a monorepo. Default: the one that the other applications have, else `memory`. */
  readonly type?: string;
  /** Of a single application. Default `src`. */
  readonly sourceRoot?: string;
  /** Leaves it to the user to install what package.json asks for. Default false. */
  readonly skipInstall?: boolean;
}

/** Where a service is written. */
interface Place {
  /** Of the application: the folder of `src`, `test` and `Dockerfile`. */
  readonly root: string;
  readonly sourceRoot: string;
  /** Below the source root, the folder of the service; empty where the application is the service. */
  readonly folder: string;
  /** The file of the root module that an end-to-end test starts. */
  readonly rootModule: string;
}

/**
 * Writes a service that takes requests over HTTP, publishes an event for each, and handles it: module, controllers, event, publisher,
 * subscriber, health, specs, an end-to-end spec and a Dockerfile. In a monorepo it is an application of its own; else a module of the
 * application, which has to have the transport.
 *
 * @throws TransportError where the project is not as expected or a file is there already; nothing at all is changed then.
 */
export const eventService =
  (options: EventServiceOptions): Rule =>
  async (tree, context) => {
    const names = namesOf(options.name);
    const project = projectOf(tree);
    const place = isMonorepo(tree)
      ? await asApplication(tree, context, names, project, options)
      : await asModule(tree, names, project, options);
    await writeParts(tree, names, project, place);
    writeDockerfile(tree, place.root, mainOfApplication(tree, place.root, names.file));
  };

async function asApplication(
  tree: Tree,
  context: SchematicContext,
  names: Names,
  project: Project,
  options: EventServiceOptions,
): Promise<Place> {
  const root = `apps/${names.file}`;
  await writeApplication(tree, context, { ...options, names, project, root });
  return { root, sourceRoot: `${root}/src`, folder: '', rootModule: `${root}/src/${names.file}.module.ts` };
}

async function asModule(
  tree: Tree,
  names: Names,
  project: Project,
  { sourceRoot = 'src' }: EventServiceOptions,
): Promise<Place> {
  const rootModule = nearestModule(tree, sourceRoot, sourceRoot);
  if (rootModule === undefined || !hasTransport(tree, sourceRoot)) {
    throw unexpected(
      `The application in ${sourceRoot} has no ${rootModule === undefined ? 'module' : 'TransportModule'}; nothing was written. ` +
        'Run first: nest add nest-transport',
    );
  }
  const folder = posix.join(names.folder, names.file);
  const file = posix.join(sourceRoot, folder, `${names.file}.module.ts`);
  await createFile(tree, file, moduleFile(names, project));
  const element = `${names.symbol}Module`;
  const needs = [{ name: element, from: importPath(rootModule, file, project) }];
  await changeFile(tree, rootModule, (text) => addToModule(text, { list: 'imports', element, needs }));
  return { root: posix.dirname(sourceRoot), sourceRoot, folder, rootModule };
}

async function writeParts(tree: Tree, names: Names, project: Project, place: Place): Promise<void> {
  const { root, sourceRoot, folder, rootModule } = place;
  const below = posix.join(sourceRoot, folder);
  await createFile(tree, posix.join(below, `${names.file}.controller.ts`), controllerFile(names, project));
  await createFile(tree, posix.join(below, `${names.file}-health.controller.ts`), healthFile(names));
  const event = { name: posix.join(folder, `${names.file}-requested`), sourceRoot };
  await writePublisher(tree, event);
  await writeSubscriber(tree, event);
  const spec = posix.join(root, 'test', `${names.file}.e2e-spec.ts`);
  const from = {
    module: importPath(spec, rootModule, project),
    event: importPath(spec, posix.join(below, `${names.file}-requested.event.ts`), project),
  };
  await createFile(tree, spec, e2eSpec(names, project, moduleClass(tree.readText(rootModule)) ?? 'AppModule', from));
}
