import { posix } from 'node:path';
import type { Rule, Tree } from '@angular-devkit/schematics';
import { findOrWriteEvent, folderOf, type EventSchematicOptions } from '../event/index.js';
import { createFile } from '../files.js';
import { registerClass } from '../module-file.js';
import { namesOf, type Names } from '../names.js';
import { importPath, projectOf, runnerImport, type Project } from '../project.js';

/** Options of `nest g -c nest-transport subscriber <name of the event>`. */
export interface SubscriberSchematicOptions extends EventSchematicOptions {
  /** Leaves the module as it is. Default false. */
  readonly skipImport?: boolean;
}

/**
 * Writes `<event>.subscriber.ts` and its spec, and registers the class with the nearest module. The event is looked for below the
 * source root by the name of its file, `<event>.event.ts`, and written next to the subscriber if there is none.
 */
export const subscriber =
  (options: SubscriberSchematicOptions): Rule =>
  (tree) =>
    writeSubscriber(tree, options);

/** @throws TransportError where the event is not clear, a file is there already, or the module cannot be changed. */
export async function writeSubscriber(tree: Tree, options: SubscriberSchematicOptions): Promise<void> {
  const names = namesOf(options.name);
  const project = projectOf(tree);
  const event = await findOrWriteEvent(tree, options);
  const file = posix.join(folderOf(options), `${names.file}.subscriber.ts`);
  await createFile(tree, file, controller(names, importPath(file, event, project)));
  if (options.spec !== false) await writeSpec(tree, names, project, { file, event });
  if (options.skipImport === true) return;
  const entry = { list: 'controllers', element: `${names.symbol}Subscriber` } as const;
  await registerClass(tree, project, { file, sourceRoot: options.sourceRoot }, entry);
}

async function writeSpec(tree: Tree, names: Names, project: Project, at: { file: string; event: string }) {
  const spec = at.file.replace(/\.ts$/, '.spec.ts');
  const from = { subscriber: importPath(spec, at.file, project), event: importPath(spec, at.event, project) };
  await createFile(tree, spec, specOf(names, project, from));
}

const controller = ({ symbol }: Names, event: string): string => `import { Controller, Logger } from '@nestjs/common';
import { Payload } from '@nestjs/microservices';
import { Subscribe } from 'nest-transport';
import { ${symbol}, type ${symbol}Data } from '${event}';

@Controller()
export class ${symbol}Subscriber {
  private readonly logger = new Logger(${symbol}Subscriber.name);

  /** Returns: done. Throws: tried again, then a dead letter. A message may come twice: the effect should be the same. */
  @Subscribe(${symbol})
  handle(@Payload() data: ${symbol}Data): void {
    this.logger.log(\`${symbol} \${data.id}\`);
  }
}
`;

/** Specs contain no decorators: the transformers of tests read the compiler's options of sources only. */
const specOf = (
  { symbol, file }: Names,
  project: Project,
  from: { subscriber: string; event: string },
): string => `import type { INestMicroservice } from '@nestjs/common';
import { Test } from '@nestjs/testing';
import { TransportModule } from 'nest-transport';
import { memory } from 'nest-transport/memory';
import { TestTransport } from 'nest-transport/testing';
${runnerImport(project, 'afterEach, beforeEach, describe, it')}import { ${symbol} } from '${from.event}';
import { ${symbol}Subscriber } from '${from.subscriber}';

describe('${symbol}Subscriber', () => {
  let transport: TestTransport<INestMicroservice>;

  beforeEach(async () => {
    const module = Test.createTestingModule({
      imports: [TransportModule.forRoot({ service: '${file}', broker: memory() })],
      controllers: [${symbol}Subscriber],
    });
    transport = await TestTransport.start(module, { http: false });
  });
  afterEach(() => transport.close());

  it('handles the event', async () => {
    const story = await transport.publishAndSettle(${symbol}, { id: '1' });
    story.assertAcked(${symbol});
  });
});
`;
