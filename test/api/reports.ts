import { readFileSync } from 'node:fs';
import { builtinModules } from 'node:module';
import { join } from 'node:path';
import { CompilerState, Extractor, ExtractorConfig } from '@microsoft/api-extractor';
import { root } from '../architecture/tree.js';
import { Declarations, type Sources } from './declarations.js';

/** What each entry point shows, by the name of its report: `kafka`, `nsq-client`; `index` is the package itself. */
export type Reports = ReadonlyMap<string, string>;

const MAIN = 'index';
/** Packages whose types a user of ours has in hand anyway. */
const HOSTS: ReadonlySet<string> = new Set([
  '@nestjs/common',
  '@nestjs/core',
  '@nestjs/microservices',
  '@nestjs/testing',
  'rxjs',
]);

/** What API Extractor says of every name, or of none: it would make a report longer and say nothing. */
const NOISE = /^ *\/\/ (@public( \(undocumented\))?|\(undocumented\)|\(No @packageDocumentation .*)\n+/gm;

/** Constants whose type is their text, such as what an error code means: to say it better breaks nobody. */
const SENTENCE = /"[^"\n]* [^"\n]*"/g;

/**
 * The public names behind each entry point with their signatures and members, those that are reached through them included. Bodies, private
 * members, docstrings and the wording of sentences are not in it.
 */
export function reportsOf(sources: Sources): Reports {
  const declarations = new Declarations(sources);
  try {
    const configs = [...declarations.entryPoints].map(([entryPoint, path]) =>
      configOf(declarations, nameOf(entryPoint), path),
    );
    const [first] = configs;
    if (first === undefined) return new Map();
    const additionalEntryPoints = configs.map(({ mainEntryPointFilePath }) => mainEntryPointFilePath);
    const compilerState = CompilerState.create(first, { additionalEntryPoints });
    for (const config of configs)
      Extractor.invoke(config, {
        localBuild: true,
        compilerState,
        messageCallback: (told) => void (told.handled = true),
      });
    return withoutRepetition(
      new Map(
        [...sources.entryPoints.keys()].map((entryPoint) => [
          nameOf(entryPoint),
          textOf(declarations, nameOf(entryPoint)),
        ]),
      ),
    );
  } finally {
    declarations.remove();
  }
}

/** Types of packages that are not the user's own: a driver's client behind them could never be changed. */
export function leaksIn(reports: Reports): string[] {
  return [...reports].flatMap(([name, text]) =>
    [...text.matchAll(/^import (?:type )?(.+) from '([^']+)';/gm)].flatMap(([, what = '', from = '']) =>
      isLeak(from) ? [`${name}: ${what} of ${from}`] : [],
    ),
  );
}

const isLeak = (from: string): boolean =>
  !HOSTS.has(from) && !from.startsWith('node:') && !builtinModules.includes(from) && !from.startsWith('.');

/** What another entry point only reaches and the main one shows as well, `Broker` for one, is told there. */
function withoutRepetition(reports: Reports): Reports {
  const shown = new Set(blocksOf(reports.get(MAIN) ?? '').map((block) => block.replace(/^export /, '')));
  return new Map(
    [...reports].map(([name, text]) =>
      name === MAIN
        ? [name, text]
        : [
            name,
            blocksOf(text)
              .filter((block) => !shown.has(block))
              .join('\n\n'),
          ],
    ),
  );
}

/** API Extractor puts an empty line between names and none within. */
const blocksOf = (text: string): string[] => text.split('\n\n');

/** `./nsq/client` is `nsq-client`. */
const nameOf = (entryPoint: string): string => (entryPoint === '.' ? MAIN : entryPoint.slice(2).replaceAll('/', '-'));

/** n.b. where API Extractor writes what is; what is kept it would only compare with, and we do that ourselves. */
const reportPath = (declarations: Declarations, name: string): string =>
  join(declarations.folder, 'now', `${name}.api.md`);

const textOf = (declarations: Declarations, name: string): string =>
  readFileSync(reportPath(declarations, name), 'utf8')
    .replaceAll('\r\n', '\n')
    .replace(NOISE, '')
    .replace(SENTENCE, '"..."');

function configOf({ folder }: Declarations, name: string, path: string): ExtractorConfig {
  const quiet = { default: { logLevel: 'none' as never } };
  return ExtractorConfig.prepare({
    configObject: {
      projectFolder: folder,
      mainEntryPointFilePath: path,
      compiler: { overrideTsconfig: { compilerOptions: COMPILER_OPTIONS, files: [path] } },
      apiReport: {
        enabled: true,
        includeForgottenExports: true,
        reportFileName: name,
        reportFolder: join(folder, 'kept'),
        reportTempFolder: join(folder, 'now'),
      },
      docModel: { enabled: false },
      dtsRollup: { enabled: false },
      tsdocMetadata: { enabled: false },
      newlineKind: 'lf',
      messages: {
        compilerMessageReporting: quiet,
        extractorMessageReporting: quiet,
        tsdocMessageReporting: quiet,
      },
    },
    configObjectFullPath: undefined,
    packageJson: { name: 'nest-transport' },
    packageJsonFullPath: join(folder, 'package.json'),
  });
}

const COMPILER_OPTIONS = {
  module: 'nodenext',
  target: 'ES2023',
  lib: ['ES2023'],
  strict: true,
  exactOptionalPropertyTypes: true,
  skipLibCheck: true,
  types: ['node'],
  typeRoots: [join(root, 'node_modules/@types')],
};
