import { TransportError } from './errors.js';

/**
 * Loads an optional package on first use.
 * @param neededFor how the error begins: `The kafka driver`
 * @param load calls `import('name')` itself, so that bundlers and the CommonJS build see the name
 * @throws TransportError `TRANSPORT_PEER_MISSING` with the command that installs it
 */
export async function loadPeer<Module extends object>(
  driver: string | undefined,
  name: string,
  neededFor: string,
  load: () => Promise<Module>,
): Promise<Module> {
  try {
    const module = await load();
    // A CommonJS package has its exports under `default` too, and Node does not always find their names.
    return 'default' in module && isObject(module.default) ? { ...(module.default as Module), ...module } : module;
  } catch (cause) {
    if (!isMissing(cause, name)) throw cause;
    throw new TransportError(
      'TRANSPORT_PEER_MISSING',
      `${neededFor} needs the package "${name}". Run: npm install ${name}`,
      driver === undefined ? { cause } : { driver, cause },
    );
  }
}

const isObject = (value: unknown): boolean => typeof value === 'object' && value !== null;

/** The package itself is missing, and not something that it asks for. */
function isMissing(error: unknown, name: string): boolean {
  const { code, message } = error as { code?: string; message?: string };
  const notFound = code === 'ERR_MODULE_NOT_FOUND' || code === 'MODULE_NOT_FOUND';
  return notFound && (message ?? '').split('\n', 1)[0]?.includes(`'${name}'`) === true;
}
