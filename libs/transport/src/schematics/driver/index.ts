import { posix } from 'node:path';
import type { Rule } from '@angular-devkit/schematics';
import { folderOf, type EventSchematicOptions } from '../event/index.js';
import { createFile } from '../files.js';
import { namesOf } from '../names.js';
import { projectOf } from '../project.js';
import { capabilitiesFile, conformanceSpec, connectionFile, deliveryFile, entryPointFile } from './templates.js';

/** Options of `nest g -c nest-transport driver <name>`; the same as an event's. Its spec is always written: it says what is left to do. */
export type DriverSchematicOptions = EventSchematicOptions;

/** Writes the skeleton of a driver into a folder of its name, with the conformance suite over it: red until it keeps its promises. */
export const driver =
  (options: DriverSchematicOptions): Rule =>
  async (tree) => {
    const names = namesOf(options.name);
    const project = projectOf(tree);
    const files = {
      'index.ts': entryPointFile(names, project),
      'capabilities.ts': capabilitiesFile(),
      'connection.ts': connectionFile(names, project),
      'delivery.ts': deliveryFile(names),
      [`${names.file}.conformance.spec.ts`]: conformanceSpec(names, project),
    };
    for (const [file, text] of Object.entries(files)) {
      await createFile(tree, posix.join(folderOf(options), names.file, file), text);
    }
  };
