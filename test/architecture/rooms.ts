import { posix } from 'node:path';
import { COMPUTED, importsOf, type Import } from './imports.js';
import { read, type SourceFile } from './tree.js';

/** The table "Who may import what" of the design, as data. What is not listed is not allowed. */
export interface Room {
  /** Rooms of libs/transport/src. */
  readonly rooms: readonly string[];
  readonly packages: readonly (string | RegExp)[];
  readonly node: 'any' | 'types';
  /** The one file that may load what only a user can name. */
  readonly loads?: string;
}

/** A public entry of a Nest package; `@nestjs/core/injector` and `@nestjs/common/internal` are not. */
const NEST = /^@nestjs\/[^/]+$/;

const CLIENTS: Readonly<Record<string, readonly string[]>> = {
  memory: [],
  kafka: ['kafkajs', 'snappy', 'lz4-napi', '@bokuweb/zstd-wasm'],
  nats: ['@nats-io/nats-core', '@nats-io/transport-node', '@nats-io/jetstream'],
  nsq: ['snappy'],
  rabbitmq: ['amqplib'],
};

const driver = (name: string): Room => ({
  rooms: ['contract', 'shared', 'drivers/kit'],
  packages: CLIENTS[name] ?? [],
  node: 'any',
  // The client of NSQ imports nothing of ours.
  ...(name === 'nsq' ? { loads: 'compression.ts' } : {}),
});

export const ROOMS: Readonly<Record<string, Room>> = {
  contract: { rooms: [], packages: [], node: 'types' },
  // `importUnbundled` of peers.ts: what is imported by it is seen by its type, `typeof import('name')`.
  shared: { rooms: ['contract'], packages: [], node: 'types', loads: 'peers.ts' },
  /** What several drivers repeat: waits, connecting with backoff, handing over to the sink, TLS options. */
  'drivers/kit': { rooms: ['contract', 'shared'], packages: [], node: 'types' },
  ...Object.fromEntries(Object.keys(CLIENTS).map((name) => [`drivers/${name}`, driver(name)])),
  consuming: { rooms: ['contract', 'shared'], packages: [], node: 'any' },
  publishing: { rooms: ['contract', 'shared'], packages: [], node: 'any' },
  codecs: {
    rooms: ['contract', 'shared'],
    packages: ['@msgpack/msgpack', '@bufbuild/protobuf', 'avsc', 'ajv', /^ajv\/dist\/20(19|20)\.js$/],
    node: 'any',
  },
  nest: {
    rooms: ['contract', 'shared', 'consuming', 'publishing'],
    packages: [NEST, 'rxjs', 'reflect-metadata'],
    node: 'any',
  },
  testing: {
    rooms: ['contract', 'shared', 'consuming', 'publishing', 'drivers/memory', 'nest'],
    packages: [NEST],
    node: 'any',
  },
  /** The program `npx nest-transport`. It finds the user's own copy of the library, so it must load what is not known here. */
  cli: { rooms: ['contract', 'shared', 'nest'], packages: [], node: 'any', loads: 'app-module.ts' },
  /** src/index.ts, the entry point `nest-transport` itself. */
  'entry point': {
    rooms: ['contract', 'shared', 'consuming', 'publishing', 'nest'],
    packages: [],
    node: 'types',
  },
  /** Run by the devkit of the user's project, which hands in all it needs: only its types are imported. */
  schematics: {
    rooms: ['contract', 'shared'],
    packages: ['@angular-devkit/schematics', 'prettier', 'typescript'],
    node: 'any',
  },
};

const SOURCE = 'libs/transport/src/';

export interface Violation {
  readonly where: string;
  readonly what: string;
}

/** All violations in the given files; the files themselves need not exist. */
export function violationsIn(files: readonly SourceFile[]): Violation[] {
  return files.flatMap((file) =>
    importsOf(file).flatMap((found) => {
      const what = refusal(file.path, found);
      return what === undefined ? [] : [{ where: `${file.path}:${found.line}`, what: `${found.specifier}: ${what}` }];
    }),
  );
}

/** The room of a file in libs/transport; undefined for everything else. */
export function roomOf(path: string): string | undefined {
  if (!path.startsWith(SOURCE)) return undefined;
  const [first = '', second = ''] = path.slice(SOURCE.length).split('/');
  if (second === '') return 'entry point';
  return first === 'drivers' ? `drivers/${second}` : first;
}

function refusal(path: string, found: Import): string | undefined {
  const room = roomOf(path);
  if (room !== undefined) return refusalInRoom(path, room, found);
  if (!found.specifier.startsWith('.')) return refusalOfSamples(path, found) ?? refusalOfEntryPoint(found);
  return refusalOfPath(path, found);
}

/** A reader copies an example into a project that has our package only. */
const refusalOfSamples = (path: string, { specifier }: Import): string | undefined =>
  path.startsWith('examples/') && specifier.startsWith('@demo/')
    ? 'an example may not import the sample shop'
    : undefined;

function refusalInRoom(path: string, name: string, found: Import): string | undefined {
  const room = ROOMS[name];
  if (room === undefined) return `there is no room "${name}" in the table`;
  if (path.endsWith('.spec.ts')) return refusalInSpec(path, name, room, found);
  const { specifier, typeOnly } = found;
  if (specifier === COMPUTED) {
    return posix.basename(path) === room.loads ? undefined : 'a computed import() cannot be checked';
  }
  if (specifier.startsWith('.')) return refusalOfTarget(path, name, room, specifier);
  if (specifier.startsWith('node:')) {
    return room.node === 'any' || typeOnly ? undefined : `${name} may take types only from node:`;
  }
  const allowed = room.packages.some((entry) =>
    typeof entry === 'string' ? entry === specifier : entry.test(specifier),
  );
  return allowed ? undefined : `${name} may not import this package`;
}

/** A spec beside its source may use what its source may, any public package, and the memory broker to run on. */
function refusalInSpec(path: string, name: string, room: Room, { specifier }: Import): string | undefined {
  if (!specifier.startsWith('.')) return refusalOfDeepNest(specifier);
  const rooms = [...room.rooms, 'contract', 'shared', 'consuming', 'publishing', 'drivers/memory', 'testing'];
  return refusalOfTarget(path, name, { ...room, rooms }, specifier);
}

const refusalOfDeepNest = (specifier: string): string | undefined =>
  specifier.startsWith('@nestjs/') && !NEST.test(specifier) ? 'only the public entries of @nestjs/*' : undefined;

function refusalOfTarget(path: string, name: string, room: Room, specifier: string): string | undefined {
  const target = roomOf(posix.join(posix.dirname(path), specifier));
  if (target === name) return undefined;
  if (target === undefined) return 'leaves libs/transport';
  return room.rooms.includes(target) ? undefined : `${name} may not import ${target}`;
}

/** Apps, the other libraries and test/ take our packages by their entry points; apps and test/ take an app by its index. */
function refusalOfPath(path: string, { specifier }: Import): string | undefined {
  const target = posix.join(posix.dirname(path), specifier);
  if (houseOf(target) === houseOf(path)) return undefined;
  if (/^(apps|test)\//.test(path) && /^apps\/[^/]+\/src\/index\.js$/.test(target)) return undefined;
  if (path.startsWith('test/') && /^(scripts|tools|docs\/\.vitepress)\/|^[^/]+$/.test(target)) return undefined;
  return `a path from ${houseOf(path)} into ${houseOf(target)}; use its public entry point`;
}

/** `apps/demo`, `libs/contracts`, `examples/01-hello`, `test`. */
const houseOf = (path: string): string =>
  (/^(?:apps|examples|libs)\/[^/]+/.exec(path)?.[0] ?? path.split('/')[0]) || path;

function refusalOfEntryPoint({ specifier }: Import): string | undefined {
  const [, name = '', rest = ''] = /^(nest-transport|@demo\/[^/]+)(\/.*)?$/.exec(specifier) ?? [];
  if (name === '') return undefined;
  return entryPointsOf(name).has(`.${rest}`) ? undefined : `${name} has no entry point ".${rest}"`;
}

const FOLDERS: Readonly<Record<string, string>> = { 'nest-transport': 'transport' };

function entryPointsOf(name: string): Set<string> {
  const folder = FOLDERS[name] ?? name.replace('@demo/', '');
  const { exports } = JSON.parse(read(`libs/${folder}/package.json`).text) as { exports: Record<string, unknown> };
  return new Set(Object.keys(exports));
}
