// Runs schematics in a process of its own: Jest cannot load the devkit, whose dependencies are ES modules that it requires.
// Reads { folder, files, steps: [{ schematic, options }] } from stdin, writes { files } or { error }.
import { join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { readFileSync } from 'node:fs';
import { Tree } from '@angular-devkit/schematics';
import { SchematicTestRunner, UnitTestTree } from '@angular-devkit/schematics/testing/index.js';
import { lastValueFrom } from 'rxjs';

const { folder, files, steps } = JSON.parse(readFileSync(0, 'utf8'));
const collectionPath = join(folder, 'collection.json');
const { schematics } = JSON.parse(readFileSync(collectionPath, 'utf8'));
const runner = new SchematicTestRunner('nest-transport', collectionPath);

/** @param {string} name */
async function factoryOf(name) {
  const [path, symbol] = schematics[name].factory.split('#');
  return (await import(pathToFileURL(resolve(folder, `${path}.ts`)).href))[symbol];
}

/** @type {Tree} */
let tree = Tree.empty();
for (const [path, text] of Object.entries(files)) tree.create(path, text);
try {
  for (const { schematic, options } of steps) {
    tree = await lastValueFrom(runner.callRule((await factoryOf(schematic))(options), tree));
  }
  const found = new UnitTestTree(tree);
  process.stdout.write(
    JSON.stringify({ files: Object.fromEntries(found.files.map((path) => [path.slice(1), found.readContent(path)])) }),
  );
} catch (error) {
  process.stdout.write(JSON.stringify({ error: /** @type {Error} */ (error).message }));
}
