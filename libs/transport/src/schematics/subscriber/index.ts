import { posix } from 'node:path';
import type { Rule, Tree } from '@angular-devkit/schematics';
import { folderOf, writeEvent, type EventSchematicOptions } from '../event/index.js';
import { changeFile, createFile } from '../files.js';
import { addToModule, nearestModule } from '../module-file.js';
import { namesOf, type Names } from '../names.js';
import { importPath, projectOf, runnerImport, type Project } from '../project.js';
import { unexpected } from '../refusal.js';

/** Options of `nest g -c nest-transport subscriber <name of the event>`. */
export interface SubscriberSchematicOptions extends EventSchematicOptions {
  /** Leaves the module as it is. Default false. */
  readonly skipImport?: boolean;
}

/**
 * Writes `<event>.subscriber.ts` and its spec, and registers the class with the nearest module. The event is looked for below the
 * source root by the name of its file, `<event>.event.ts`, and written beside the subscriber where there is none.
 *
 * @throws TransportError `TRANSPORT_PROJECT_UNEXPECTED` when several files have the event's name.
 */
export const subscriber =
  (options: SubscriberSchematicOptions): Rule =>
  async (tree) => {
    const names = namesOf(options.name);
    const project = projectOf(tree);
    const event = eventFile(tree, names, options) ?? (await writeEvent(tree, options));
    const file = posix.join(folderOf(options), `${names.file}.subscriber.ts`);
    await createFile(tree, file, controller(names, importPath(file, event, project)));
    if (options.spec !== false) await writeSpec(tree, names, project, { file, event });
    if (options.skipImport !== true) await register(tree, names, project, { file, options });
  };

function eventFile(tree: Tree, { file }: Names, { sourceRoot = 'src' }: EventSchematicOptions): string | undefined {
  const found: string[] = [];
  tree.getDir(sourceRoot).visit((path) => {
    if (posix.basename(path) === `${file}.event.ts`) found.push(path.replace(/^\//, ''));
  });
  if (found.length > 1) {
    throw unexpected(
      `Several files define "${file}": ${found.join(', ')}. Rename all but one, so that it is clear which is meant.`,
    );
  }
  return found[0];
}

async function writeSpec(tree: Tree, names: Names, project: Project, at: { file: string; event: string }) {
  const spec = at.file.replace(/\.ts$/, '.spec.ts');
  const from = { subscriber: importPath(spec, at.file, project), event: importPath(spec, at.event, project) };
  await createFile(tree, spec, specOf(names, project, from));
}

async function register(
  tree: Tree,
  { symbol }: Names,
  project: Project,
  { file, options }: { file: string; options: SubscriberSchematicOptions },
): Promise<void> {
  const module = nearestModule(tree, folderOf(options), posix.normalize(options.sourceRoot ?? 'src'));
  if (module === undefined) return;
  const element = `${symbol}Subscriber`;
  const needs = [{ name: element, from: importPath(module, file, project) }];
  await changeFile(tree, module, (text) => addToModule(text, { list: 'controllers', element, needs }));
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

const specOf = (
  { symbol, file }: Names,
  project: Project,
  from: { subscriber: string; event: string },
): string => `import { Module, type INestMicroservice } from '@nestjs/common';
import { Test } from '@nestjs/testing';
import { TransportModule } from 'nest-transport';
import { memory } from 'nest-transport/memory';
import { TestTransport } from 'nest-transport/testing';
${runnerImport(project, 'afterEach, beforeEach, describe, it')}import { ${symbol} } from '${from.event}';
import { ${symbol}Subscriber } from '${from.subscriber}';

@Module({
  imports: [TransportModule.forRoot({ service: '${file}', broker: memory() })],
  controllers: [${symbol}Subscriber],
})
class TestedModule {}

describe('${symbol}Subscriber', () => {
  let transport: TestTransport<INestMicroservice>;

  beforeEach(async () => {
    transport = await TestTransport.start(Test.createTestingModule({ imports: [TestedModule] }), { http: false });
  });
  afterEach(() => transport.close());

  it('handles the event', async () => {
    const story = await transport.publishAndSettle(${symbol}, { id: '1' });
    story.assertAcked(${symbol});
  });
});
`;
