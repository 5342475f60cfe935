// Runs schematics in a process of its own: Jest cannot load the devkit, whose dependencies are ES modules that it requires.
// Per line of stdin, { files, steps: [{ schematic, options }] }, one line of stdout: { files, said, tasks } or { error }.
// The folder of the collection is the first argument.
import { join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { readFileSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { Tree } from '@angular-devkit/schematics';
import { SchematicTestRunner, UnitTestTree } from '@angular-devkit/schematics/testing/index.js';
import { lastValueFrom } from 'rxjs';

const folder = /** @type {string} */ (process.argv[2]);
const collectionPath = join(folder, 'collection.json');
const { schematics } = JSON.parse(readFileSync(collectionPath, 'utf8'));
const runner = new SchematicTestRunner('nest-transport', collectionPath);

/** @param {string} name */
async function factoryOf(name) {
  const [path, symbol] = schematics[name].factory.split('#');
  return (await import(pathToFileURL(resolve(folder, `${path}.ts`)).href))[symbol];
}

/**
 * The context of the devkit, with what is said and what is left to be done kept for the test.
 * @param {import('@angular-devkit/schematics').SchematicContext} context
 * @param {string[]} said
 * @param {object[]} tasks
 */
const heard = (context, said, tasks) =>
  Object.assign(Object.create(context), {
    logger: {
      warn: (/** @type {string} */ text) => said.push(text),
      info: (/** @type {string} */ text) => said.push(text),
    },
    addTask: (/** @type {{ toConfiguration: () => object }} */ task) => tasks.push(task.toConfiguration()),
  });

/** @param {{ files: Record<string, string>, steps: { schematic: string, options: object }[] }} request */
async function run({ files, steps }) {
  /** @type {string[]} */
  const said = [];
  /** @type {object[]} */
  const tasks = [];
  /** @type {Tree} */
  let tree = Tree.empty();
  for (const [path, text] of Object.entries(files)) tree.create(path, text);
  for (const { schematic, options } of steps) {
    const rule = (await factoryOf(schematic))(options);
    tree = await lastValueFrom(runner.callRule((host, context) => rule(host, heard(context, said, tasks)), tree));
  }
  const found = new UnitTestTree(tree);
  return {
    files: Object.fromEntries(found.files.map((path) => [path.slice(1), found.readContent(path)])),
    said,
    tasks,
  };
}

for await (const line of createInterface(process.stdin)) {
  const result = await run(JSON.parse(line)).catch((error) => ({ error: /** @type {Error} */ (error).message }));
  process.stdout.write(`${JSON.stringify(result)}\n`);
}
