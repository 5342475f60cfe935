import { posix } from 'node:path';
import type { Rule, SchematicContext, Tree } from '@angular-devkit/schematics';
import { changeFile } from '../files.js';
import { addToModule, nearestModule } from '../module-file.js';
import { projectOf } from '../project.js';
import { unexpected } from '../refusal.js';
import { calls, importsFrom, sourcesBelow } from '../source-files.js';
import { BROKER_CHOICES, brokerCalled, BROKERS, type BrokerChoice } from './brokers.js';
import { addCompose } from './compose-file.js';
import { installLater, lacksInstalled } from './install.js';
import { connectMain } from './main-file.js';
import { connectTests } from './test-files.js';
import { manifestFor, packageName, packagesFor } from './manifest.js';

/** Options of `nest add nest-transport`. */
export interface NestAddOptions {
  /** Default `memory`, the broker inside the process; of an application that has the transport, its own. */
  readonly broker?: string;
  /** The default group of subscriptions. Default: the project's folder in a monorepo, else the name in package.json without its scope. */
  readonly service?: string;
  /** Default `src`. */
  readonly sourceRoot?: string;
  /** Leaves it to the user to install what package.json asks for. Default false. */
  readonly skipInstall?: boolean;
}

/**
 * Registers `TransportModule` in the root module, has main and end-to-end tests create the application with it, and adds the broker's client, scripts and a
 * `compose.yaml`. Each of them only where it is missing: a second run changes nothing, and one that was undone in part is completed.
 *
 * @throws TransportError where a file is not written as expected; nothing at all is changed then.
 */
export const nestAdd =
  (options: NestAddOptions): Rule =>
  async (tree, context) => {
    projectOf(tree);
    const { sourceRoot = 'src' } = options;
    const asked = brokerCalled(options.broker ?? 'memory');
    const isRegistered = hasTransport(tree, sourceRoot);
    if (!isRegistered) await register(tree, rootModule(tree, sourceRoot), asked, serviceName(tree, options));
    const brokers = isRegistered ? brokersOf(tree, sourceRoot) : [asked];
    if (options.broker !== undefined && !brokers.includes(asked)) keepsItsBroker(context, brokers, asked);
    await changeFile(tree, mainOf(tree, sourceRoot), (text) => connectMain(text, `${sourceRoot}/main.ts`));
    await connectTests(tree, posix.join(posix.dirname(posix.normalize(sourceRoot)), 'test'));
    for (const broker of brokers) addCompose(tree, broker, context);
    addPackages(tree, context, brokers, options.skipInstall === true);
  };

/** Whether code below this folder registers `TransportModule`, in whichever module. */
export const hasTransport = (tree: Tree, sourceRoot: string): boolean =>
  sourcesBelow(tree, sourceRoot).some(({ text }) =>
    calls(text, ['TransportModule.forRoot', 'TransportModule.forRootAsync']),
  );

/** The brokers whose entry points are imported by code below this folder. */
export function brokersOf(tree: Tree, folder: string): BrokerChoice[] {
  const sources = sourcesBelow(tree, folder);
  return BROKER_CHOICES.filter((broker) => sources.some(({ text }) => importsFrom(text, `nest-transport/${broker}`)));
}

/** The file that creates the application. @throws TransportError `TRANSPORT_PROJECT_UNEXPECTED` where there is none */
export function mainOf(tree: Tree, sourceRoot: string): string {
  const main = posix.join(sourceRoot, 'main.ts');
  if (tree.exists(main)) return main;
  throw unexpected(
    `${sourceRoot} has no main.ts; nothing was written. Run this in an application, or say where it is: --source-root apps/orders/src.`,
  );
}

function rootModule(tree: Tree, sourceRoot: string): string {
  const module = nearestModule(tree, sourceRoot, sourceRoot);
  if (module !== undefined) return module;
  throw unexpected(
    `${sourceRoot} has no module, such as app.module.ts; nothing was written. Run this in an application, ` +
      'or say where it is: --source-root apps/orders/src.',
  );
}

const register = (tree: Tree, module: string, broker: BrokerChoice, service: string): Promise<void> =>
  changeFile(tree, module, (text) =>
    addToModule(text, {
      list: 'imports',
      element: registration(broker, service),
      needs: [
        { name: 'TransportModule', from: 'nest-transport' },
        { name: broker, from: `nest-transport/${broker}` },
      ],
    }),
  );

/** The expression that registers the transport for a service. */
export const registration = (broker: BrokerChoice, service: string): string =>
  `TransportModule.forRoot({ service: '${service.replace(/['\\]/g, '\\$&')}', broker: ${BROKERS[broker].expression} })`;

/** The given name, otherwise the project's. A prompt that is answered with Enter returns an empty string. */
export function serviceName(
  tree: Tree,
  { service, sourceRoot = 'src' }: Pick<NestAddOptions, 'service' | 'sourceRoot'>,
): string {
  const project = posix.basename(posix.dirname(posix.normalize(sourceRoot)));
  return service || (project === '.' ? packageName(tree.readText('package.json')) : project) || 'app';
}

function keepsItsBroker({ logger }: SchematicContext, brokers: readonly BrokerChoice[], asked: BrokerChoice): void {
  const there = brokers.length === 0 ? '' : ` with ${brokers.join(', ')}`;
  logger.warn(
    `The application has the transport${there} already, and keeps it. To run on ${asked}, change the broker of its TransportModule to ` +
      `${BROKERS[asked].expression}, imported from 'nest-transport/${asked}', and run this again.`,
  );
}

/** Has package.json ask for what an application on these brokers needs, and has it installed unless that is skipped. */
export function addPackages(
  tree: Tree,
  context: SchematicContext,
  brokers: readonly BrokerChoice[],
  skip: boolean,
): void {
  const before = tree.readText('package.json');
  const after = manifestFor(before, brokers);
  if (after !== before) tree.overwrite('package.json', after);
  if (after === before && !lacksInstalled(tree, packagesFor(brokers))) return;
  if (skip) context.logger.info('Packages were not installed, as asked. Run: npm install');
  else installLater(tree, context);
}
