// ESLint and Prettier's check, side by side and both to their end, so that one call shows everything. `npm run format` fixes
// the second.
import { endLike, runChild } from './lib/child.mjs';
import { inRoot, root } from './lib/paths.mjs';

const args = process.argv.slice(2);
const [eslint, prettier] = await Promise.all([
  runChild(process.execPath, [inRoot('node_modules/eslint/bin/eslint.js'), '.', ...args], { cwd: root }),
  runChild(process.execPath, [inRoot('node_modules/prettier/bin/prettier.cjs'), '--check', '--log-level=warn', '.'], {
    cwd: root,
  }),
]);
endLike(eslint.code === 0 ? prettier : eslint);
