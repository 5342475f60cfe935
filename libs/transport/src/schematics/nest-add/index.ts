import { posix } from 'node:path';
import type { Rule, SchematicContext, Tree } from '@angular-devkit/schematics';
import { changeFile } from '../files.js';
import { addToModule, nearestModule } from '../module-file.js';
import { projectOf } from '../project.js';
import { BROKERS, type BrokerChoice } from './brokers.js';
import { connectMain } from './main-file.js';
import { manifestFor, serviceIn } from './manifest.js';

/** Options of `nest add nest-transport`. */
export interface NestAddOptions {
  /** Default `memory`, the broker inside the process. */
  readonly broker?: BrokerChoice;
  /** The default group of subscriptions. Default: the name in package.json, without its scope. */
  readonly service?: string;
  /** Default `src`. */
  readonly sourceRoot?: string;
}

/**
 * Registers `TransportModule` in the root module, has main create the application with it, and adds the broker's client, scripts and a
 * `compose.yaml`. What is there already stays: a second run changes nothing, also with another broker.
 *
 * @throws Error where a file is not written as expected; nothing at all is changed then.
 */
export const nestAdd =
  ({ broker = 'memory', service, sourceRoot = 'src' }: NestAddOptions): Rule =>
  async (tree, context) => {
    projectOf(tree);
    const manifest = tree.readText('package.json');
    if (!(broker in BROKERS)) {
      throw new Error(`There is no broker "${broker}"; there are ${Object.keys(BROKERS).join(', ')}.`);
    }
    const module = rootModule(tree, sourceRoot);
    if (/\bTransportModule\b/.test(tree.readText(module))) return;
    await changeFile(tree, module, (text) => registered(text, broker, service ?? serviceIn(manifest)));
    await changeFile(tree, posix.join(sourceRoot, 'main.ts'), (text) => connectMain(text, `${sourceRoot}/main.ts`));
    addCompose(tree, broker);
    const changed = manifestFor(manifest, broker);
    if (changed === manifest) return;
    tree.overwrite('package.json', changed);
    installLater(context);
  };

function rootModule(tree: Tree, sourceRoot: string): string {
  const module = nearestModule(tree, sourceRoot, sourceRoot);
  if (module !== undefined && tree.exists(posix.join(sourceRoot, 'main.ts'))) return module;
  throw new Error(
    `${sourceRoot} has no main.ts with a module beside it, such as app.module.ts. Run this in an application, ` +
      'or say where it is: --source-root apps/orders/src.',
  );
}

const registered = (text: string, broker: BrokerChoice, service: string): string =>
  addToModule(text, {
    list: 'imports',
    element: `TransportModule.forRoot({ service: ${JSON.stringify(service)}, broker: ${BROKERS[broker].expression} })`,
    needs: [
      { name: 'TransportModule', from: 'nest-transport' },
      { name: broker, from: `nest-transport/${broker}` },
    ],
  });

const COMPOSE_FILES = ['compose.yaml', 'compose.yml', 'docker-compose.yaml', 'docker-compose.yml'];

function addCompose(tree: Tree, broker: BrokerChoice): void {
  const { compose } = BROKERS[broker];
  if (compose !== undefined && !COMPOSE_FILES.some((file) => tree.exists(file))) tree.create('compose.yaml', compose);
}

/** The devkit knows a task by its name, so that none of its classes is needed. */
const installLater = (context: SchematicContext): void => {
  context.addTask({
    toConfiguration: () => ({
      name: 'node-package',
      options: { command: 'install', quiet: true, workingDirectory: '.' },
    }),
  });
};
