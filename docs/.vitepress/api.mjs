// A page per entry point of the package, made of the docstrings in its sources. Nothing of it is written beside them.
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Application, Logger, LogLevel, TSConfigReader } from 'typedoc';
import { laidOut } from './api-layout.mjs';
import { entryPointsOf, LIBRARY } from './entry-points.mjs';

/** @typedef {import('./entry-points.mjs').EntryPoint} EntryPoint */

/** What a reader calls comes first, what it takes after that. */
const GROUP_ORDER = ['Functions', 'Classes', 'Interfaces', 'Type Aliases', 'Variables', '*'];

/**
 * Markdown by the name of the entry point.
 * @param {string} root of the clone
 * @returns {Promise<Map<string, string>>}
 * @throws {Error} where a docstring leads to a name that is not there, and where an entry point shows nothing
 */
export async function textsOfEntryPoints(root) {
  const entryPoints = entryPointsOf(root);
  if (entryPoints.length === 0) return new Map();
  const folder = mkdtempSync(join(tmpdir(), 'nest-transport-docs-'));
  try {
    await write(root, entryPoints, folder);
    return new Map(entryPoints.map(({ name }) => [name, laidOut(readFileSync(join(folder, `${name}.md`), 'utf8'))]));
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/**
 * @param {string} root
 * @param {EntryPoint[]} entryPoints
 * @param {string} folder
 */
async function write(root, entryPoints, folder) {
  const app = await Application.bootstrapWithPlugins(optionsOf(root, entryPoints, folder), [new TSConfigReader()]);
  const logger = (app.logger = new Complaints());
  const project = await app.convert();
  const shown = project?.children ?? [];
  const silent = entryPoints.filter((_, at) => !shown[at]?.children?.length).map(({ title }) => title);
  if (project === undefined || silent.length > 0) throw logger.refusal(`no public name behind ${silent.join(', ')}`);
  // n.b. the name of a module is that of its page.
  for (const [at, { name }] of entryPoints.entries()) if (shown[at]) shown[at].name = name;
  app.validate(project);
  await app.generateOutputs(project);
  if (logger.told.length > 0) throw logger.refusal(`${logger.told.length} faults`);
}

/** Keeps what is worth a warning: a link to nowhere, or a TypeScript that TypeDoc does not know. */
class Complaints extends Logger {
  /** @type {string[]} */
  told = [];

  /**
   * @override
   * @param {string} message
   * @param {LogLevel} level
   */
  log(message, level) {
    super.log(message, level);
    if (level >= LogLevel.Warn) this.told.push(message);
  }

  /** @param {string} what */
  refusal(what) {
    return new Error(`TypeDoc finds ${what} in ${LIBRARY}:\n${this.told.join('\n')}`);
  }
}

/**
 * @param {string} root
 * @param {EntryPoint[]} entryPoints
 * @param {string} folder
 * @returns {import('typedoc').TypeDocOptions}
 */
function optionsOf(root, entryPoints, folder) {
  /** @type {import('typedoc').TypeDocOptions & import('typedoc-plugin-markdown').PluginOptions} */
  const options = {
    entryPoints: entryPoints.map(({ source }) => source),
    logLevel: 'Warn',
    sortEntryPoints: false,
    alwaysCreateEntryPointModule: true,
    basePath: join(root, LIBRARY),
    tsconfig: join(root, LIBRARY, 'tsconfig.lib.json'),
    skipErrorChecking: true, // the type check is a stage of its own
    readme: 'none',
    disableSources: true,
    excludePrivate: true,
    excludeProtected: true,
    excludeInternal: true,
    excludeExternals: true, // what a class of Nest has is told by Nest
    groupOrder: GROUP_ORDER,
    validation: {
      invalidLink: true,
      invalidPath: true,
      notExported: false,
      rewrittenLink: true,
      unusedMergeModuleWith: true,
    },
    outputs: [{ name: 'markdown', path: folder }],
    plugin: ['typedoc-plugin-markdown'],
    outputFileStrategy: 'modules',
    pageTitleTemplates: { module: ({ rawName }) => titleOf(entryPoints, rawName) },
    hidePageHeader: true,
    hideBreadcrumbs: true,
    tableColumnSettings: { hideModifiers: true, hideInherited: true, hideOverrides: true },
    parametersFormat: 'table',
    interfacePropertiesFormat: 'table',
    classPropertiesFormat: 'table',
    typeAliasPropertiesFormat: 'table',
    typeDeclarationFormat: 'table',
    propertyMembersFormat: 'table',
  };
  return options;
}

/**
 * @param {EntryPoint[]} entryPoints
 * @param {string} name
 */
const titleOf = (entryPoints, name) => entryPoints.find((entryPoint) => entryPoint.name === name)?.title ?? name;
