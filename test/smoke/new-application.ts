import { spawn, spawnSync } from 'node:child_process';
import { copyFileSync, mkdtempSync, readFileSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { root } from '../architecture/tree.js';
import { packed } from './packed.js';
import { Program } from './users-folder.js';

/** What a user's shell has: nothing of this workspace, and npm told to take what the machine has. */
function usersShell(): NodeJS.ProcessEnv {
  const own = Object.entries(process.env).filter(([name]) => !/^npm_|^NODE_(OPTIONS|ENV)$|^(VITEST|JEST)/.test(name));
  const quick = { prefer_offline: 'true', audit: 'false', fund: 'false', ignore_scripts: 'true', loglevel: 'error' };
  const settings = Object.entries(quick).map(([name, value]) => [`npm_config_${name}`, value]);
  return { ...Object.fromEntries([...own, ...settings]), NO_COLOR: '1' } as NodeJS.ProcessEnv;
}

/** An application as `nest new` makes it, in a temporary folder, and our tarball to be added. */
export class NewApplication {
  readonly #parent = realpathSync(mkdtempSync(join(tmpdir(), 'nest-transport-new-')));
  readonly #programs: Program[] = [];
  readonly path = join(this.#parent, 'shop');

  /** @param nest the major version; 12 is ES modules and Vitest, 11 is CommonJS and Jest */
  static async made(nest: 11 | 12): Promise<NewApplication> {
    const app = new NewApplication();
    const options = ['new', 'shop', '--skip-git', '--skip-install', '--package-manager', 'npm', '--strict'];
    if (nest === 12) app.#run(app.#parent, join(root, 'node_modules/@nestjs/cli/bin/nest.js'), options);
    else app.#spawned('npm', ['exec', '--yes', '--package=@nestjs/cli@11', '--', 'nest', ...options], app.#parent);
    app.#spawned('npm', ['install'], app.path);
    copyFileSync(await packed(), join(app.path, 'nest-transport.tgz'));
    return app;
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
    return this.#run(this.path, join(this.path, 'node_modules', path), args);
  }

  /** A script of its package.json. */
  script(name: string, ...args: string[]): string {
    return this.#spawned('npm', ['run', name, '--', ...args], this.path);
  }

  /** Starts what was built. @param args of Node; else those of the command that is in the Dockerfile */
  start(env: Record<string, string> = {}, args: readonly string[] = this.#argsOfDockerfile()): Program {
    const options = { cwd: this.path, env: { ...usersShell(), PORT: '0', ...env } };
    const program = new Program(spawn(process.execPath, args, { ...options, stdio: ['ignore', 'pipe', 'pipe'] }));
    this.#programs.push(program);
    return program;
  }

  #argsOfDockerfile(): string[] {
    const [, command = '[]'] = /^CMD (.+)$/m.exec(this.read('Dockerfile')) ?? [];
    return (JSON.parse(command) as string[]).slice(1);
  }

  async remove(): Promise<void> {
    await Promise.all(this.#programs.map((program) => program.end()));
    rmSync(this.#parent, { recursive: true, force: true });
  }

  #run(cwd: string, script: string, args: readonly string[]): string {
    return this.#spawned(process.execPath, [script, ...args], cwd);
  }

  #spawned(command: string, args: readonly string[], cwd: string): string {
    const options = { cwd, env: usersShell(), encoding: 'utf8', input: '' } as const;
    const { status, stdout, stderr } = spawnSync(command, args, options);
    if (status === 0) return stdout + stderr;
    throw new Error(`${command} ${args.join(' ')} ended with ${status}:\n${stdout}${stderr}`);
  }
}

/**
 * Runs the commands with which the guide begins, as they are written there; the package comes from our tarball instead of a registry.
 * @param broker in the place of the guide's
 */
export function runGuide(app: NewApplication, broker: string): void {
  for (const command of guideCommands()) {
    const [, ...args] = command.replace(/--broker=\w+/, `--broker=${broker}`).split(' ');
    app.nest(...args.map((arg, index) => (args[index - 1] === 'add' ? `${arg}@file:nest-transport.tgz` : arg)));
  }
}

/** The commands of the guide's first block. */
export function guideCommands(): string[] {
  const guide = readFileSync(join(root, 'docs/guides/schematics.md'), 'utf8');
  const [, block = ''] = /```sh\n([^]*?)```/.exec(guide) ?? [];
  return block.trim().split('\n');
}
