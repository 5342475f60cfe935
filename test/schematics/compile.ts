import { join } from 'node:path';
import ts from 'typescript';
import { root } from '../architecture/tree.js';
import type { Files } from './generate.js';

/** What the compiler says about generated code, checked strictly against the sources of the library. */
export function complaintsAbout(files: Files): string[] {
  // n.b. below apps/, so that packages are found; nothing is written there.
  const folder = join(root, 'apps', 'generated');
  const virtual = new Map(Object.entries(files).map(([path, text]) => [join(folder, path), text]));
  const { config } = ts.readConfigFile(join(root, 'tsconfig.json'), (path) => ts.sys.readFile(path)) as {
    config: object;
  };
  const { options } = ts.parseJsonConfigFileContent(config, ts.sys, root);
  const host = ts.createCompilerHost(options);
  const { fileExists, readFile, getSourceFile } = host;
  // n.b. without it the compiler asks for every file, also in folders that the disk does not have.
  delete host.directoryExists;
  host.fileExists = (path) => virtual.has(path) || fileExists(path);
  host.readFile = (path) => virtual.get(path) ?? readFile(path);
  host.getSourceFile = (path, target, ...rest) => {
    const text = virtual.get(path);
    return text === undefined ? getSourceFile(path, target, ...rest) : ts.createSourceFile(path, text, target);
  };
  const sources = [...virtual.keys()].filter((path) => path.endsWith('.ts'));
  const program = ts.createProgram(sources, options, host);
  return sources.flatMap((path) => {
    const source = program.getSourceFile(path);
    const found = [...program.getSyntacticDiagnostics(source), ...program.getSemanticDiagnostics(source)];
    return found.map(
      ({ messageText }) => `${path.slice(folder.length + 1)}: ${ts.flattenDiagnosticMessageText(messageText, ' ')}`,
    );
  });
}
