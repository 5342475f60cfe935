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
  { variable, file, symbol }: Names,
  project: Project,
  from: string,
): string => `import { Controller, Module, type INestMicroservice } from '@nestjs/common';
import { Payload } from '@nestjs/microservices';
import { Test } from '@nestjs/testing';
import { defineEvent, Subscribe, TransportModule } from 'nest-transport';
import { memory } from 'nest-transport/memory';
import { TestTransport } from 'nest-transport/testing';
${runnerImport(project, 'afterEach, beforeEach, describe, expect, it')}import { ${variable} } from '${from}';

const Happened = defineEvent<{ id: string }>('something.happened');

@Controller()
class ${symbol}Controller {
  readonly handled: string[] = [];

  @Subscribe(Happened, { policies: [${variable}] })
  handle(@Payload() data: { id: string }): void {
    this.handled.push(data.id);
  }
}

@Module({
  imports: [TransportModule.forRoot({ service: '${file}', broker: memory() })],
  controllers: [${symbol}Controller],
})
class TestedModule {}

describe('${variable}', () => {
  let transport: TestTransport<INestMicroservice>;

  beforeEach(async () => {
    transport = await TestTransport.start(Test.createTestingModule({ imports: [TestedModule] }), { http: false });
  });
  afterEach(() => transport.close());

  it('hands the message on to the handler', async () => {
    const story = await transport.publishAndSettle(Happened, { id: '1' });
    story.assertAcked(Happened);
    expect(transport.get(${symbol}Controller).handled).toEqual(['1']);
  });
});
`;
