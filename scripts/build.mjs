// The package first (ES modules, types, CommonJS), then contracts and every app into dist/apps.
import { endLike, runChild } from './lib/child.mjs';
import { inRoot, root } from './lib/paths.mjs';

const library = await runChild(process.execPath, [inRoot('scripts/build-library.mjs')], { cwd: root });
if (library.code !== 0) endLike(library);
else
  endLike(
    await runChild(process.execPath, [inRoot('node_modules/@nestjs/cli/bin/nest.js'), 'build', '--all'], { cwd: root }),
  );
