import { mkdirSync, mkdtempSync, realpathSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, relative } from 'node:path';
import ts from 'typescript';
import { root } from '../architecture/tree.js';

/** The sources of a package: the folder that holds them, and the file behind each entry point. */
export interface Sources {
  readonly folder: string;
  readonly entryPoints: ReadonlyMap<string, string>;
}

/** The declarations (.d.ts) of sources, in a temporary folder from which our installed packages are found. */
export class Declarations {
  /** n.b. beside no node_modules of our own: API Extractor would take what lies there for somebody else's. */
  readonly folder = realpathSync(mkdtempSync(join(tmpdir(), 'nest-transport-api-')));
  readonly #sources: Sources;

  constructor(sources: Sources) {
    this.#sources = sources;
    symlinkSync(join(root, 'node_modules'), join(this.folder, 'node_modules'));
    writeFileSync(join(this.folder, 'package.json'), '{ "name": "nest-transport", "type": "module" }');
    this.#emit();
  }

  /** The declarations behind each entry point. */
  get entryPoints(): ReadonlyMap<string, string> {
    const { folder, entryPoints } = this.#sources;
    return new Map(
      [...entryPoints].map(([entryPoint, path]) => [
        entryPoint,
        join(this.folder, relative(folder, path)).replace(/\.ts$/, '.d.ts'),
      ]),
    );
  }

  remove(): void {
    rmSync(this.folder, { recursive: true, force: true });
  }

  /** n.b. unchecked: the type check of the workspace is a stage of its own. */
  #emit(): void {
    const { folder, entryPoints } = this.#sources;
    const options = { ...optionsOf(), rootDir: folder, outDir: this.folder, noCheck: true };
    const program = ts.createProgram([...entryPoints.values()], options);
    const { diagnostics } = program.emit(undefined, (path, text) => {
      mkdirSync(dirname(path), { recursive: true });
      writeFileSync(path, text);
    });
    const errors = diagnostics.map(({ messageText }) => ts.flattenDiagnosticMessageText(messageText, ' '));
    if (errors.length > 0) throw new Error(`The declarations cannot be written: ${errors.join('; ')}`);
  }
}

/** Those that the library is built with, for declarations alone. */
function optionsOf(): ts.CompilerOptions {
  const path = join(root, 'libs/transport/tsconfig.lib.json');
  const { config } = ts.readConfigFile(path, ts.sys.readFile) as { config: object };
  const only = { emitDeclarationOnly: true, sourceMap: false, inlineSources: false };
  const { options } = ts.parseJsonConfigFileContent(config, ts.sys, dirname(path), only, path);
  return options;
}
