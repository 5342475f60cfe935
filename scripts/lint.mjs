// ESLint and Prettier's check, both always run, so that one call shows everything. `npm run format` repairs the second.
import { endLike, runChild } from './lib/child.mjs';
import { inRoot, root } from './lib/paths.mjs';

const args = process.argv.slice(2);
const eslint = await runChild(process.execPath, [inRoot('node_modules/eslint/bin/eslint.js'), '.', ...args], {
  cwd: root,
});
const prettier = await runChild(
  process.execPath,
  [inRoot('node_modules/prettier/bin/prettier.cjs'), '--check', '--log-level=warn', '.'],
  { cwd: root },
);
endLike(eslint.code === 0 ? prettier : eslint);
