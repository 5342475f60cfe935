import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { messageOf, TransportError } from '../contract/index.js';
import type * as Transport from '../nest/index.js';
import type { CliOption } from './command-line.js';

/** Where a Nest project has its root module after `nest build`. */
const USUAL_FILES = ['dist/app.module.js', 'dist/src/app.module.js'];

/** The options of every command that loads an application. */
export const APP_OPTIONS = {
  app: { short: 'a', value: '<file>', about: 'compiled file of the root module (default: dist/app.module.js)' },
  module: { short: 'm', value: '<name>', about: 'export that is the root module (default: AppModule)' },
} as const satisfies Readonly<Record<string, CliOption>>;

/** A root module as its file exports it, and the library that it uses. */
export interface LoadedApp {
  readonly module: Transport.RootModule;
  readonly transport: Pick<typeof Transport, 'describeTransport' | 'withDeadLetters'>;
}

/**
 * Loads a user's root module, ES module or CommonJS, and the copy of nest-transport that its project has: two copies would not
 * know each other's providers.
 * @param file a compiled file, relative to `from`. @default the usual ones of a Nest project
 * @param name of the export. @default `AppModule`, the default export, or the only one that is called a module
 * @throws TransportError `TRANSPORT_OPTION_INVALID`
 */
export async function loadApp(from: string, file?: string, name?: string): Promise<LoadedApp> {
  const path = findFile(from, file);
  const module = pickModule(await load(path), path, name);
  return { module, transport: await transportOf(path) };
}

function findFile(from: string, file: string | undefined): string {
  const candidates = (file === undefined ? USUAL_FILES : [file, `${file}.js`]).map((each) => resolve(from, each));
  const found = candidates.find(existsSync);
  if (found !== undefined) return found;
  throw invalid(
    file === undefined
      ? `there is no ${USUAL_FILES.join(' and no ')} in ${from}. Build the application first (nest build), or pass the file of its root module with --app.`
      : `there is no file ${candidates[0]}. Name the compiled file of the root module: dist/app.module.js.`,
  );
}

/** The exports of a user's file: their types are unknown. */
type Exports = Readonly<Record<string, unknown>>;

async function load(path: string): Promise<Exports> {
  try {
    const loaded = (await import(pathToFileURL(path).href)) as Exports;
    // Node does not detect all names that a CommonJS file exports.
    return isObject(loaded['default']) ? { ...(loaded['default'] as Exports), ...loaded } : loaded;
  } catch (error) {
    if (!/\.[cm]?tsx?$/.test(path)) throw error;
    const why = messageOf(error).split('\n', 1)[0];
    throw invalid(
      `${path} is TypeScript, and this Node cannot run it (${why}). Name the compiled file, dist/app.module.js, or run with a loader: NODE_OPTIONS="--import <loader>".`,
      error,
    );
  }
}

function pickModule(exports: Exports, path: string, name: string | undefined): Transport.RootModule {
  const named = Object.keys(exports).filter((each) => isModule(exports[each]));
  const called = named.filter((each) => /Module$/.test(each));
  const usual = ['AppModule', 'default'].find((each) => named.includes(each));
  const chosen = name ?? usual ?? (called.length === 1 ? called[0] : undefined);
  if (chosen !== undefined && named.includes(chosen)) return exports[chosen] as Transport.RootModule;
  const there = named.length === 0 ? 'It exports no class.' : `It exports ${named.join(', ')}.`;
  throw invalid(
    chosen === undefined
      ? `${path} has no export that is clearly the root module. ${there} Pass its name: --module AppModule.`
      : `${path} has no export "${chosen}" that is a module. ${there}`,
  );
}

/** A class, a Promise of a module, or what `forRoot` of some module returns. */
function isModule(value: unknown): boolean {
  return typeof value === 'function' || (isObject(value) && ('module' in value || 'then' in value));
}

async function transportOf(path: string): Promise<LoadedApp['transport']> {
  const own = resolved(path);
  const loaded = own === undefined ? import('../nest/index.js') : import(pathToFileURL(own).href);
  const transport = (await loaded) as LoadedApp['transport'];
  const isNewEnough = [transport.describeTransport, transport.withDeadLetters].every(
    (each) => typeof each === 'function',
  );
  if (isNewEnough) return transport;
  throw invalid(
    `the nest-transport at ${own}, which ${path} uses, is older than this command. Run: npm install nest-transport`,
  );
}

/** undefined: the project has none that could be found, as where it is bundled. */
function resolved(path: string): string | undefined {
  try {
    return createRequire(path).resolve('nest-transport');
  } catch {
    return undefined;
  }
}

const isObject = (value: unknown): value is object => typeof value === 'object' && value !== null;

const invalid = (text: string, cause?: unknown): TransportError =>
  new TransportError('TRANSPORT_OPTION_INVALID', text, { cause });
