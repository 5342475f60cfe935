// libs/transport/dist: ES modules with types, and the same in dist/cjs as CommonJS. Built aside and renamed, so that a failed or
// interrupted build leaves the last good dist in place.
import { cp, readdir, rename, rm, stat, writeFile } from 'node:fs/promises';
import { join, relative } from 'node:path';
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

/**
 * The types of the CommonJS files are those of the ES modules: their folder's package.json says what they describe.
 * Why a copy: TypeScript under `module: node16` takes a declaration for what its own folder says.
 * @param {string} path
 */
const isFolderOrTypes = async (path) =>
  path.endsWith('.d.ts') || ((await stat(path)).isDirectory() && !NOT_IN_CJS.includes(relative(aside, path)));

const NOT_IN_CJS = ['cjs', 'cli', 'schematics'];

async function copyTypes() {
  for (const entry of await readdir(aside)) {
    if (await isFolderOrTypes(join(aside, entry)))
      await cp(join(aside, entry), join(aside, 'cjs', entry), { recursive: true, filter: isFolderOrTypes });
  }
}

async function build() {
  for (const [project, outDir] of [
    ['tsconfig.lib.json', aside],
    ['tsconfig.cjs.json', `${aside}/cjs`],
  ]) {
    const exit = await tsc(/** @type {string} */ (project), /** @type {string} */ (outDir));
    if (exit.code !== 0) return exit;
  }
  await cp(`${library}/src/schematics`, `${aside}/schematics`, { recursive: true, filter: isFolderOrJson });
  await copyTypes();
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
