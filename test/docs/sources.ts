import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import ts from 'typescript';
import { root } from '../architecture/tree.js';

/** An interface by the entry point that exports it. */
export type InterfaceAt = readonly [entryPoint: string, name: string];

const library = join(root, 'libs/transport');

interface Manifest {
  readonly exports: Readonly<Record<string, string | Readonly<Record<string, string>>>>;
}

/** The entry points of the package and the source behind each. */
export function entryPoints(): Map<string, string> {
  const { exports } = JSON.parse(readFileSync(join(library, 'package.json'), 'utf8')) as Manifest;
  return new Map(
    Object.entries(exports).flatMap(([entryPoint, target]) =>
      typeof target === 'string' ? [] : [[entryPoint, join(library, target['nest-transport:source'] ?? '')] as const],
    ),
  );
}

const { config } = ts.readConfigFile(join(root, 'tsconfig.json'), ts.sys.readFile) as { config: object };

/** The compiler's options of the workspace. */
export const compilerOptions: ts.CompilerOptions = ts.parseJsonConfigFileContent(
  { ...config, include: [], files: ['libs/transport/src/index.ts'] },
  ts.sys,
  root,
).options;

/** A program over files that need not be on the disk: `texts` by path. */
export function programOf(paths: readonly string[], texts: ReadonlyMap<string, string> = new Map()): ts.Program {
  const host = ts.createCompilerHost(compilerOptions);
  const { fileExists, readFile, getSourceFile } = host;
  host.fileExists = (path) => texts.has(path) || fileExists.call(host, path);
  host.readFile = (path) => texts.get(path) ?? readFile.call(host, path);
  host.getSourceFile = (path, options, ...rest) => {
    const text = texts.get(path);
    return text === undefined
      ? getSourceFile.call(host, path, options, ...rest)
      : ts.createSourceFile(path, text, options);
  };
  return ts.createProgram([...paths], compilerOptions, host);
}

let atEntryPoints: ts.Program | undefined;
const program = (): ts.Program => (atEntryPoints ??= programOf([...entryPoints().values()]));

/** What a file exports, aliases followed. */
export function exportsOf(of: ts.Program, path: string): { readonly name: string; readonly symbol: ts.Symbol }[] {
  const checker = of.getTypeChecker();
  const source = of.getSourceFile(path);
  const module = source === undefined ? undefined : checker.getSymbolAtLocation(source);
  if (module === undefined) throw new Error(`${path} is no module that TypeScript can read.`);
  return checker.getExportsOfModule(module).map((symbol) => ({
    name: symbol.name,
    symbol: symbol.flags & ts.SymbolFlags.Alias ? checker.getAliasedSymbol(symbol) : symbol,
  }));
}

/** What the entry points export. */
export function publicNames(): { readonly entryPoint: string; readonly name: string; readonly symbol: ts.Symbol }[] {
  return [...entryPoints()].flatMap(([entryPoint, path]) =>
    exportsOf(program(), path).map((each) => ({ entryPoint, ...each })),
  );
}

export const publicProgram = program;

/** The fields of an options type; of a union, those of every member. */
export function optionNames([entryPoint, name]: InterfaceAt): string[] {
  const checker = program().getTypeChecker();
  const found = exportsOf(program(), entryPoints().get(entryPoint) as string).find((each) => each.name === name);
  if (found === undefined) throw new Error(`${entryPoint} exports no ${name}.`);
  const type = checker.getDeclaredTypeOfSymbol(found.symbol);
  const members = type.isUnion() ? type.types : [type];
  return [
    ...new Set(members.flatMap((member) => checker.getPropertiesOfType(member).map((property) => property.name))),
  ];
}
