import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { root } from '../architecture/tree.js';

export type Files = Readonly<Record<string, string>>;

export interface Step {
  readonly schematic: string;
  readonly options: Readonly<Record<string, unknown>>;
}

const APP_MODULE = `import { Module } from '@nestjs/common';

@Module({
  imports: [],
  controllers: [],
})
export class AppModule {}
`;

const projectWith = (manifest: object): Files => ({
  'package.json': JSON.stringify(manifest),
  'src/app.module.ts': APP_MODULE,
});

/** Projects to generate into, as `nest new` makes them in what matters here. */
export const esm = projectWith({ type: 'module', devDependencies: { vitest: '4', zod: '4' } });
export const commonjs = projectWith({ devDependencies: { jest: '30' } });

/** What schematics did. */
export interface Outcome {
  readonly files: Files;
  /** Lines to the user. */
  readonly said: readonly string[];
  /** What the devkit does when the files are written. */
  readonly tasks: readonly object[];
}

/** The files of the project after the schematics. @throws Error with the message of the schematic that refused */
export const generate = async (files: Files, ...steps: readonly Step[]): Promise<Files> =>
  (await outcomeOf(files, ...steps)).files;

/**
 * What the schematics do, run from our sources by the real devkit.
 * @throws Error with the message of the schematic that refused
 */
export async function outcomeOf(files: Files, ...steps: readonly Step[]): Promise<Outcome> {
  child ??= startChild();
  child.process.stdin.write(`${JSON.stringify({ files, steps })}\n`);
  const { value } = await child.lines.next();
  const result = JSON.parse(value ?? '{ "error": "the process ended" }') as Outcome | { error: string };
  if ('error' in result) throw new Error(result.error);
  return result;
}

/** One process for all questions of a spec, asked one after the other. */
let child: ReturnType<typeof startChild> | undefined;

function startChild() {
  const args = ['--disable-warning=ExperimentalWarning', '--import', './tools/typescript-loader.mjs'];
  const { NODE_OPTIONS: _, ...env } = process.env;
  const collection = join(root, 'libs/transport/src/schematics');
  const started = spawn(process.execPath, [...args, 'test/schematics/run-schematics.mjs', collection], {
    cwd: root,
    env,
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  return { process: started, lines: createInterface(started.stdout)[Symbol.asyncIterator]() };
}

afterAll(async () => {
  if (child === undefined) return;
  const ended = once(child.process, 'close');
  child.process.stdin.end();
  await ended;
});

/** A step in short: `step('event', 'orders/order-created')`. */
export const step = (schematic: string, name: string, options: Step['options'] = {}): Step => ({
  schematic,
  options: { name, ...options },
});
