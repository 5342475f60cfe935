import { spawn } from 'node:child_process';
import { copyFileSync, mkdtempSync, readFileSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { root } from '../architecture/tree.js';
import { copyOfNew, type NestVersion } from './nest-new.js';
import { packed } from './packed.js';
import { Program } from './users-folder.js';
import { runAsUser, usersShell } from './users-shell.js';

/** An application as `nest new` makes it, in a temporary folder, and our tarball to be added. */
export class NewApplication {
  readonly path: string;

  private constructor(
    private readonly parent: string,
    private readonly programs: Program[],
    private readonly node: string,
  ) {
    this.path = join(parent, 'shop');
  }

  static async made(nest: NestVersion): Promise<NewApplication> {
    const parent = realpathSync(mkdtempSync(join(tmpdir(), 'nest-transport-new-')));
    const app = new NewApplication(parent, [], process.execPath);
    await copyOfNew(nest, app.path);
    copyFileSync(await packed(), join(app.path, 'nest-transport.tgz'));
    return app;
  }

  /** The same application, run by another Node: npm, the CLI, the tests and what was built. @param node the program */
  runBy(node: string): NewApplication {
    return new NewApplication(this.parent, this.programs, node);
  }

  /** Of the Node that runs npm, and with it the scripts: 24.21.0. */
  nodeVersion(): string {
    return /"node": "([^"]+)"/.exec(this.npm('version', '--json'))?.[1] ?? 'none';
  }

  /** The user has rules of their own, and what is there follows them. */
  rewriteIn(rules: object): void {
    this.write('.prettierrc', JSON.stringify(rules));
    this.tool('prettier/bin/prettier.cjs', '--write', 'src', 'test');
  }

  read(path: string): string {
    return readFileSync(join(this.path, path), 'utf8');
  }

  write(path: string, text: string): void {
    writeFileSync(join(this.path, path), text);
  }

  /** The application's own CLI. What it says goes into the error when it fails. */
  nest(...args: string[]): string {
    return this.tool('@nestjs/cli/bin/nest.js', ...args);
  }

  /** A program of the application's node_modules. */
  tool(path: string, ...args: string[]): string {
    return runAsUser(this.node, [join(this.path, 'node_modules', path), ...args], this.path, this.node);
  }

  /** A script of its package.json. */
  script(name: string, ...args: string[]): string {
    return this.npm('run', name, '--', ...args);
  }

  npm(...args: string[]): string {
    return runAsUser('npm', args, this.path, this.node);
  }

  /** Starts what was built. @param args of Node; else those of the command that is in the Dockerfile */
  start(env: Record<string, string> = {}, args: readonly string[] = this.argsOf('Dockerfile')): Program {
    const options = { cwd: this.path, env: { ...usersShell(this.node), PORT: '0', ...env } };
    const program = new Program(spawn(this.node, args, { ...options, stdio: ['ignore', 'pipe', 'pipe'] }));
    this.programs.push(program);
    return program;
  }

  /** What the command of a Dockerfile gives to Node. */
  argsOf(dockerfile: string): string[] {
    const [, command = '[]'] = /^CMD (.+)$/m.exec(this.read(dockerfile)) ?? [];
    return (JSON.parse(command) as string[]).slice(1);
  }

  async remove(): Promise<void> {
    await Promise.all(this.programs.map((program) => program.end()));
    rmSync(this.parent, { recursive: true, force: true });
  }
}

/**
 * Runs the commands with which the guide begins, as they are written there; the package comes from our tarball instead of a registry.
 * @param instead what stands in the place of the guide's broker and service
 */
export function runGuide(app: NewApplication, instead: { readonly broker: string; readonly service?: string }): void {
  for (const command of guideCommands()) {
    const flags = Object.entries(instead).map(([flag, value]) => [flag, value] as const);
    const changed = flags.reduce(
      (text, [flag, value]) => text.replace(new RegExp(`--${flag}=\\w+`), `--${flag}=${value}`),
      command,
    );
    const [, ...args] = changed.split(' ');
    app.nest(...args.map((arg, index) => (args[index - 1] === 'add' ? `${arg}@file:nest-transport.tgz` : arg)));
  }
}

/** The commands of a block of the guide, by default of its first. */
export function guideCommands(index = 0): string[] {
  const guide = readFileSync(join(root, 'docs/guides/schematics.md'), 'utf8');
  const blocks = [...guide.matchAll(/```sh\n([^]*?)```/g)];
  return blocks[index]?.[1]?.trim().split('\n') ?? [];
}
