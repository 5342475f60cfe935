import { posix } from 'node:path';
import type { Rule } from '@angular-devkit/schematics';
import { folderOf, type EventSchematicOptions } from '../event/index.js';
import { createFile } from '../files.js';
import { namesOf, type Names } from '../names.js';
import { importPath, projectOf, runnerImport, type Project } from '../project.js';

/** Options of `nest g -c nest-transport policy <name>`; the same as an event's. */
export type PolicySchematicOptions = EventSchematicOptions;

/** Writes `<name>.policy.ts`, a function around handlers that changes nothing yet, and its spec. */
export const policy =
  (options: PolicySchematicOptions): Rule =>
  async (tree) => {
    const names = namesOf(options.name);
    const project = projectOf(tree);
    const file = posix.join(folderOf(options), `${names.file}.policy.ts`);
    await createFile(tree, file, definition(names));
    const spec = file.replace(/\.ts$/, '.spec.ts');
    if (options.spec !== false) await createFile(tree, spec, specOf(names, project, importPath(spec, file, project)));
  };

const definition = ({ variable }: Names): string => `import type { PolicyFunction } from 'nest-transport';

/**
 * For \`@Subscribe(Event, { policies: [${variable}] })\`. What it throws is judged as if the handler had thrown it; not calling
 * \`next\` counts as handled.
 */
export const ${variable}: PolicyFunction = (next) => async (payload, context) => {
  return await next(payload, context);
};
`;

const specOf = (
  { variable }: Names,
  project: Project,
  from: string,
): string => `import type { MessageContext } from 'nest-transport';
${runnerImport(project, 'describe, expect, it')}import { ${variable} } from '${from}';

describe('${variable}', () => {
  it('hands the message on to the handler', async () => {
    const handled: unknown[] = [];
    const handler = ${variable}((payload) => handled.push(payload));
    await handler({ id: '1' }, {} as MessageContext);
    expect(handled).toEqual([{ id: '1' }]);
  });
});
`;
