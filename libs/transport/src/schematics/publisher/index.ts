import { posix } from 'node:path';
import type { Rule, Tree } from '@angular-devkit/schematics';
import { findOrWriteEvent, folderOf } from '../event/index.js';
import { createFile } from '../files.js';
import { registerClass } from '../module-file.js';
import { namesOf, type Names } from '../names.js';
import { importPath, projectOf, runnerImport, type Project } from '../project.js';
import type { SubscriberSchematicOptions } from '../subscriber/index.js';

/** Options of `nest g -c nest-transport publisher <name of the event>`; the same as a subscriber's. */
export type PublisherSchematicOptions = SubscriberSchematicOptions;

/**
 * Writes `<event>.publisher.ts` and its spec, and registers the class with the nearest module. The event is found or written as for a
 * subscriber.
 */
export const publisher =
  (options: PublisherSchematicOptions): Rule =>
  (tree) =>
    writePublisher(tree, options);

/** @throws TransportError where the event is not clear, a file is there already, or the module cannot be changed. */
export async function writePublisher(tree: Tree, options: PublisherSchematicOptions): Promise<void> {
  const names = namesOf(options.name);
  const project = projectOf(tree);
  const event = await findOrWriteEvent(tree, options);
  const file = posix.join(folderOf(options), `${names.file}.publisher.ts`);
  await createFile(tree, file, provider(names, importPath(file, event, project)));
  if (options.spec !== false) await writeSpec(tree, names, project, { file, event });
  if (options.skipImport === true) return;
  const entry = { list: 'providers', element: `${names.symbol}Publisher` } as const;
  await registerClass(tree, project, { file, sourceRoot: options.sourceRoot }, entry);
}

async function writeSpec(tree: Tree, names: Names, project: Project, at: { file: string; event: string }) {
  const spec = at.file.replace(/\.ts$/, '.spec.ts');
  const from = { publisher: importPath(spec, at.file, project), event: importPath(spec, at.event, project) };
  await createFile(tree, spec, specOf(names, project, from));
}

const provider = ({ symbol }: Names, event: string): string => `import { Injectable } from '@nestjs/common';
import { Publisher } from 'nest-transport';
import { ${symbol}, type ${symbol}Data } from '${event}';

@Injectable()
export class ${symbol}Publisher {
  constructor(private readonly publisher: Publisher) {}

  /** Resolves when the broker has stored it. The error of a failure says in \`stored\` what is known about it. */
  async publish(data: ${symbol}Data): Promise<void> {
    await this.publisher.publish(${symbol}, data);
  }
}
`;

/** Specs contain no decorators: the transformers of tests read the compiler's options of sources only. */
const specOf = (
  { symbol, file }: Names,
  project: Project,
  from: { publisher: string; event: string },
): string => `import type { INestMicroservice } from '@nestjs/common';
import { Test } from '@nestjs/testing';
import { TransportModule } from 'nest-transport';
import { memory } from 'nest-transport/memory';
import { TestTransport } from 'nest-transport/testing';
${runnerImport(project, 'afterEach, beforeEach, describe, it')}import { ${symbol} } from '${from.event}';
import { ${symbol}Publisher } from '${from.publisher}';

describe('${symbol}Publisher', () => {
  let transport: TestTransport<INestMicroservice>;

  beforeEach(async () => {
    const module = Test.createTestingModule({
      imports: [TransportModule.forRoot({ service: '${file}', broker: memory() })],
      providers: [${symbol}Publisher],
    });
    transport = await TestTransport.start(module, { http: false });
  });
  afterEach(() => transport.close());

  it('publishes the event', async () => {
    await transport.get(${symbol}Publisher).publish({ id: '1' });
    const story = await transport.settle();
    story.assertPublished(${symbol}, { id: '1' });
  });
});
`;
