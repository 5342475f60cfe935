// The package first (ES modules, types, CommonJS), then the other libraries and every app, in the order of nest-cli.json.
import { readFileSync } from 'node:fs';
import { endLike, runChild } from './lib/child.mjs';
import { inRoot, root } from './lib/paths.mjs';

const PACKAGE = 'transport';
const { projects } = JSON.parse(readFileSync(inRoot('nest-cli.json'), 'utf8'));
const others = Object.keys(projects).filter((name) => name !== PACKAGE);

const library = await runChild(process.execPath, [inRoot('scripts/build-library.mjs')], { cwd: root });
if (library.code !== 0) endLike(library);
else {
  const nest = [inRoot('node_modules/@nestjs/cli/bin/nest.js'), 'build', ...others];
  endLike(await runChild(process.execPath, nest, { cwd: root }));
}
