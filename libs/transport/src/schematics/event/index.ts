import { posix } from 'node:path';
import type { Rule, Tree } from '@angular-devkit/schematics';
import { createFile } from '../files.js';
import { namesOf, type Names } from '../names.js';
import { importPath, projectOf, runnerImport, type Project } from '../project.js';
import { unexpected } from '../refusal.js';
import { sourcesBelow } from '../source-files.js';

/** Options of `nest g -c nest-transport event <name>`. */
export interface EventSchematicOptions {
  /** The event's name, with folders before it: `orders/order-created`. */
  readonly name: string;
  /** A folder below the source root. */
  readonly path?: string;
  /** Default `src`. */
  readonly sourceRoot?: string;
  /** Default true. */
  readonly spec?: boolean;
}

/** Writes `<name>.event.ts` and its spec. Folders only as they are given: no folder is made for the event alone. */
export const event =
  (options: EventSchematicOptions): Rule =>
  async (tree) => {
    await writeEvent(tree, options);
  };

/** @returns the path of the event's file, from the root. */
export async function writeEvent(tree: Tree, options: EventSchematicOptions): Promise<string> {
  const names = namesOf(options.name);
  const project = projectOf(tree);
  const file = posix.join(folderOf(options), `${names.file}.event.ts`);
  await createFile(tree, file, definition(names, project));
  const spec = file.replace(/\.ts$/, '.spec.ts');
  if (options.spec !== false) await createFile(tree, spec, specOf(names, project, importPath(spec, file, project)));
  return file;
}

/**
 * The event of this name below the source root, whose file is `<name>.event.ts`; written where there is none.
 *
 * @returns its path, from the root.
 * @throws TransportError `TRANSPORT_PROJECT_UNEXPECTED` when several files have the event's name.
 */
export async function findOrWriteEvent(tree: Tree, options: EventSchematicOptions): Promise<string> {
  const { file } = namesOf(options.name);
  const found = sourcesBelow(tree, options.sourceRoot ?? 'src')
    .map(({ path }) => path)
    .filter((path) => posix.basename(path) === `${file}.event.ts`);
  if (found.length < 2) return found[0] ?? writeEvent(tree, options);
  throw unexpected(
    `Several files define "${file}": ${found.join(', ')}. Rename all but one, so that it is clear which is meant.`,
  );
}

/** Where the files of a schematic go, from the root. */
export const folderOf = ({ name, path = '', sourceRoot = 'src' }: EventSchematicOptions): string =>
  posix.join(sourceRoot, path, namesOf(name).folder);

const definition = (names: Names, project: Project): string => `import { defineEvent } from 'nest-transport';
${project.hasZod ? payloadSchema(names) : payloadType(names)}
/** Messages with the same key are handled in their order. */
export const ${names.symbol} = defineEvent${project.hasZod ? '' : `<${names.symbol}Data>`}('${names.topic}', {
  ${project.hasZod ? `schema: ${names.variable}Schema,\n  ` : ''}key: (data) => data.id,
});
`;

const payloadSchema = ({ symbol, variable }: Names): string => `import { z } from 'zod';

/** Checked when it is published, and before a handler gets it. */
export const ${variable}Schema = z.object({
  id: z.string().min(1),
});

export type ${symbol}Data = z.infer<typeof ${variable}Schema>;
`;

const payloadType = ({ symbol }: Names): string => `
export type ${symbol}Data = {
  id: string;
};
`;

const specOf = (names: Names, project: Project, from: string): string => `${runnerImport(
  project,
  'describe, expect, it',
)}import { ${names.symbol}${project.hasZod ? `, ${names.variable}Schema` : ''} } from '${from}';

describe('${names.symbol}', () => {
  it('keeps the name that other services know it by', () => {
    expect(${names.symbol}.type).toBe('${names.topic}');
  });

  it('has a key, so that messages about one thing stay in order', () => {
    expect(${names.symbol}.key?.({ id: '1' })).toBe('1');
  });
${project.hasZod ? refusal(names) : ''}});
`;

const refusal = ({ variable }: Names): string => `
  it('refuses a payload without an id', () => {
    expect(${variable}Schema.safeParse({}).success).toBe(false);
  });
`;
