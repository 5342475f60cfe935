import { TransportError } from '../contract/index.js';

/** Imports a package by its name, in a `try`, so that bundlers see the name and leave it out where it is not installed; or `importUnbundled`. */
export type LoadPeer<Module> = () => Promise<Module>;

/**
 * Which versions work. The package's peers have no ranges: an application that has another version of one, and does not use what
 * needs it, could not be installed.
 */
export interface NeededVersion<Module> {
  readonly range: string;
  /** By what only those versions export. */
  readonly fits: (module: Module) => boolean;
}

/**
 * Loads an optional package on first use.
 * @param neededFor how the error begins: `The kafka driver`
 * @throws TransportError `TRANSPORT_PEER_MISSING` with the command that installs it
 */
export async function loadPeer<Module extends object>(
  driver: string | undefined,
  name: string,
  neededFor: string,
  load: LoadPeer<Module>,
  needed?: NeededVersion<Module>,
): Promise<Module> {
  const [module] = await loadPeers<[Module]>(driver, neededFor, [name, load]);
  if (needed === undefined || needed.fits(module)) return module;
  const text = `${neededFor} needs "${name}" ${needed.range}, and another version is installed. Run: npm install ${name}@${needed.range}`;
  throw new TransportError('TRANSPORT_PEER_MISSING', text, driver === undefined ? {} : { driver });
}

/**
 * Loads several, so that one error names all that are missing.
 * @throws TransportError `TRANSPORT_PEER_MISSING` with the command that installs them
 */
export async function loadPeers<Modules extends readonly object[]>(
  driver: string | undefined,
  neededFor: string,
  ...peers: { readonly [Index in keyof Modules]: readonly [name: string, load: LoadPeer<Modules[Index]>] }
): Promise<Modules> {
  const results = await Promise.allSettled(
    (peers as readonly (readonly [string, LoadPeer<object>])[]).map(([, load]) => load()),
  );
  const failures = results.flatMap((result, index) =>
    result.status === 'rejected' ? [{ name: peers[index]?.[0] ?? '', cause: result.reason as unknown }] : [],
  );
  const other = failures.find(({ name, cause }) => !isMissing(cause, name));
  if (other !== undefined) throw other.cause;
  if (failures.length > 0) throw missing(driver, neededFor, failures);
  return results.map((result, index) =>
    passedRequire(peers[index]?.[0] ?? '', (result as PromiseFulfilledResult<object>).value),
  ) as never;
}

function missing(
  driver: string | undefined,
  neededFor: string,
  failures: readonly { readonly name: string; readonly cause: unknown }[],
): TransportError {
  const names = failures.map(({ name }) => name);
  const packages = `package${names.length > 1 ? 's' : ''} ${names.map((name) => `"${name}"`).join(' and ')}`;
  const text = `${neededFor} needs the ${packages}. Run: npm install ${names.join(' ')}`;
  const cause = failures[0]?.cause;
  return new TransportError('TRANSPORT_PEER_MISSING', text, driver === undefined ? { cause } : { driver, cause });
}

/**
 * Requires the file of a CommonJS package that was imported, and returns its exports with what hooks of `require` replaced.
 * An import passes the hooks of imports only, and OpenTelemetry patches `Module.prototype.require`
 * (docs/adr/0043-clients-pass-both-kinds-of-hooks.md). The package is in Node's cache: no second copy is loaded.
 */
function passedRequire(name: string, imported: object): object {
  const original = (imported as { readonly default?: unknown }).default;
  if (!isObject(original)) return exportsOf(imported);
  const require = process.getBuiltinModule('node:module').createRequire(process.execPath);
  const file = fileOf(name, original, require.cache);
  if (file === undefined) return exportsOf(imported);
  const before: Readonly<Record<string, unknown>> = { ...(original as object) };
  const required = require(file) as object;
  if (required !== original) return required;
  const patched = Object.entries(required).filter(([key, value]) => value !== before[key]);
  return { ...exportsOf(imported), ...Object.fromEntries(patched) };
}

/** Undefined for an ES module, and in a bundle. The main file is the first: one that it re-exports is loaded after it. */
const fileOf = (name: string, exports: unknown, cache: NodeJS.Dict<NodeJS.Module>): string | undefined =>
  Object.keys(cache).find(
    (file) => cache[file]?.exports === exports && file.replaceAll('\\', '/').includes(`/node_modules/${name}/`),
  );

/** A CommonJS package has its exports under `default` too, and Node does not always find their names. */
const exportsOf = (module: object): object =>
  'default' in module && isObject(module.default) ? { ...(module.default as object), ...module } : module;

/** For the `catch` around an `import` of `loadPeer`: fails as the import did. */
export function unloaded(error: unknown): never {
  throw error;
}

/** Imports a package that bundlers are to leave alone: it has a binary, which cannot be part of a bundle. */
export const importUnbundled = <Module>(name: string): Promise<Module> =>
  import(/* webpackIgnore: true */ /* @vite-ignore */ name) as Promise<Module>;

const isObject = (value: unknown): boolean => typeof value === 'object' && value !== null;

/** The package itself is missing, and not something that it asks for. */
function isMissing(error: unknown, name: string): boolean {
  const { code, message } = error as { code?: string; message?: string };
  const notFound = code === 'ERR_MODULE_NOT_FOUND' || code === 'MODULE_NOT_FOUND';
  return notFound && (message ?? '').split('\n', 1)[0]?.includes(`'${name}'`) === true;
}
