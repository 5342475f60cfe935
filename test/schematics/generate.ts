import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
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

/**
 * The files of the project after the schematics, run from our sources by the real devkit.
 * @throws Error with the message of the schematic that refused.
 */
export function generate(files: Files, ...steps: readonly Step[]): Files {
  const args = ['--disable-warning=ExperimentalWarning', '--import', './tools/typescript-loader.mjs'];
  const { NODE_OPTIONS: _, ...env } = process.env;
  const said = execFileSync(process.execPath, [...args, 'test/schematics/run-schematics.mjs'], {
    cwd: root,
    env,
    encoding: 'utf8',
    input: JSON.stringify({ folder: join(root, 'libs/transport/src/schematics'), files, steps }),
  });
  const result = JSON.parse(said) as { files: Files } | { error: string };
  if ('error' in result) throw new Error(result.error);
  return result.files;
}

/** A step in short: `step('event', 'orders/order-created')`. */
export const step = (schematic: string, name: string, options: Step['options'] = {}): Step => ({
  schematic,
  options: { name, ...options },
});
