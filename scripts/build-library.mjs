// libs/transport/dist: ES modules with types, and dist/cjs beside them. Built aside and renamed, so that a failed or
// interrupted build leaves the last good dist in place.
import { cp, rename, rm, stat, writeFile } from 'node:fs/promises';
import { endLike, runChild } from './lib/child.mjs';
import { inRoot } from './lib/paths.mjs';

const library = inRoot('libs', 'transport');
const aside = `${library}/dist.${process.pid}.tmp`;

/**
 * @param {string} project
 * @param {string} outDir
 */
const tsc = (project, outDir) =>
  runChild(process.execPath, [
    inRoot('node_modules/typescript/bin/tsc'),
    '-p',
    `${library}/${project}`,
    '--outDir',
    outDir,
  ]);

/**
 * The collection of schematics and their options: the compiler leaves them behind.
 * @param {string} path
 */
const isFolderOrJson = async (path) => path.endsWith('.json') || (await stat(path)).isDirectory();

async function build() {
  for (const [project, outDir] of [
    ['tsconfig.lib.json', aside],
    ['tsconfig.cjs.json', `${aside}/cjs`],
  ]) {
    const exit = await tsc(/** @type {string} */ (project), /** @type {string} */ (outDir));
    if (exit.code !== 0) return exit;
  }
  await cp(`${library}/src/schematics`, `${aside}/schematics`, { recursive: true, filter: isFolderOrJson });
  await writeFile(`${aside}/cjs/package.json`, '{ "type": "commonjs" }\n');
  // npm packs what lies in the package's own folder, and these two are the repository's.
  for (const page of ['CHANGELOG.md', 'UPGRADING.md']) await cp(inRoot(page), `${library}/${page}`);
  await rm(`${library}/dist`, { recursive: true, force: true });
  await rename(aside, `${library}/dist`);
  return { code: 0, signal: null };
}

try {
  endLike(await build());
} finally {
  await rm(aside, { recursive: true, force: true });
}
