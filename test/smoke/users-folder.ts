import { execFileSync, spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import ts from 'typescript';
import { root } from '../architecture/tree.js';
import { npm, packed } from './packed.js';

/** How a user's folder is made. */
export interface FolderOptions {
  /** `"type"` of its package.json; a Nest 11 project has none. */
  readonly type?: 'module';
  /** What is installed beside our tarball, with the versions a user would ask for. */
  readonly packages: readonly string[];
}

/** Of the user's process: nothing of this workspace, neither conditions nor loaders nor Jest's flags. */
const usersEnvironment = (): NodeJS.ProcessEnv => ({
  ...process.env,
  NODE_OPTIONS: undefined,
  NODE_ENV: undefined,
  NO_COLOR: '1',
});

/** A project of somebody else: our package and its peers, installed by npm. Removed with everything it started. */
export class UsersFolder {
  readonly #isModule: boolean;
  readonly #programs: Program[] = [];

  private constructor(
    readonly path: string,
    isModule: boolean,
  ) {
    this.#isModule = isModule;
  }

  static async installed({ type, packages }: FolderOptions): Promise<UsersFolder> {
    const tarball = await packed();
    const folder = new UsersFolder(
      realpathSync(mkdtempSync(join(tmpdir(), 'nest-transport-user-'))),
      type === 'module',
    );
    const name = { name: 'somebodys-service', private: true };
    folder.write('package.json', JSON.stringify(type === undefined ? name : { ...name, type }));
    const quick = ['--prefer-offline', '--ignore-scripts', '--no-audit', '--no-fund', '--no-package-lock'];
    npm(['install', ...quick, tarball, ...packages], folder.path);
    return folder;
  }

  write(path: string, text: string): string {
    const full = join(this.path, path);
    mkdirSync(dirname(full), { recursive: true });
    writeFileSync(full, text);
    return full;
  }

  /** Writes a TypeScript file and what its compiler makes of it: ES modules or CommonJS, as the folder says. */
  compile(name: string, text: string): string {
    this.write(`${name}.ts`, text);
    const { outputText } = ts.transpileModule(text, {
      compilerOptions: {
        module: this.#isModule ? ts.ModuleKind.ESNext : ts.ModuleKind.CommonJS,
        target: ts.ScriptTarget.ES2022,
        experimentalDecorators: true,
        emitDecoratorMetadata: true,
        esModuleInterop: true,
      },
    });
    return this.write(`${name}.js`, outputText);
  }

  /** What the compiler says about a file of the folder, with the given way to resolve modules. */
  typeErrors(name: string, options: ts.CompilerOptions): string[] {
    const program = ts.createProgram([join(this.path, `${name}.ts`)], {
      target: ts.ScriptTarget.ES2023,
      strict: true,
      noEmit: true,
      skipLibCheck: true,
      experimentalDecorators: true,
      emitDecoratorMetadata: true,
      types: ['node'],
      typeRoots: [join(root, 'node_modules', '@types')],
      ...options,
    });
    return ts
      .getPreEmitDiagnostics(program)
      .map(({ messageText }) => ts.flattenDiagnosticMessageText(messageText, ' '));
  }

  /** What a short script prints, as JSON. */
  evaluate(script: string): unknown {
    const args = [
      '--disable-warning=ExperimentalWarning',
      `--input-type=${this.#isModule ? 'module' : 'commonjs'}`,
      '-e',
      script,
    ];
    return JSON.parse(
      execFileSync(process.execPath, args, { cwd: this.path, encoding: 'utf8', env: usersEnvironment() }),
    );
  }

  start(script: string, env: Record<string, string> = {}): Program {
    const program = new Program(
      spawn(process.execPath, [script], {
        cwd: this.path,
        env: { ...usersEnvironment(), ...env },
        stdio: ['ignore', 'pipe', 'pipe'],
      }),
    );
    this.#programs.push(program);
    return program;
  }

  /** A program that a package brought, as `npx` runs it. */
  npx(name: string, ...args: readonly string[]): { code: number | null; stdout: string; stderr: string } {
    const program = join(this.path, 'node_modules', '.bin', name);
    const { status, stdout, stderr } = spawnSync(program, args, {
      cwd: this.path,
      encoding: 'utf8',
      env: usersEnvironment(),
    });
    return { code: status, stdout, stderr };
  }

  /** Runs the folder's tests with a Jest in CommonJS mode, as it is when nobody configures it. */
  jest(): unknown {
    const args = [join(root, 'node_modules/jest/bin/jest.js'), '--rootDir', this.path, '--json', '--silent'];
    return JSON.parse(
      execFileSync(process.execPath, args, {
        cwd: this.path,
        encoding: 'utf8',
        stdio: 'pipe',
        env: usersEnvironment(),
      }),
    );
  }

  async remove(): Promise<void> {
    await Promise.all(this.#programs.map((program) => program.end()));
    rmSync(this.path, { recursive: true, force: true });
  }
}

/** A user's running program. */
export class Program {
  output = '';
  readonly #child: ChildProcess;
  readonly #exited: Promise<number | NodeJS.Signals>;
  #onOutput = (): void => undefined;

  constructor(child: ChildProcess) {
    this.#child = child;
    for (const stream of [child.stdout, child.stderr]) {
      stream?.on('data', (data: Buffer) => {
        this.output += data.toString();
        this.#onOutput();
      });
    }
    this.#exited = once(child, 'close').then(([code, signal]) => (code ?? signal) as number | NodeJS.Signals);
  }

  get exited(): Promise<number | NodeJS.Signals> {
    return this.#exited;
  }

  /** Resolves as soon as the text is printed. @throws Error with the output when the program ends before */
  async printed(text: string): Promise<void> {
    const found = new Promise<void>((resolve) => {
      this.#onOutput = () => {
        if (this.output.includes(text)) resolve();
      };
      this.#onOutput();
    });
    const ended = this.#exited.then((how): never => {
      throw new Error(`It ended with ${how} before it printed "${text}":\n${this.output}`);
    });
    await Promise.race([found, ended]);
  }

  /** Resolves as soon as it takes connections: Nest says that it has started before it listens. @throws Error when it ends before */
  async listensOn(port: number): Promise<void> {
    while (!(await takesConnections(port))) {
      if (this.#hasEnded) throw new Error(`It ended before it listened on ${port}:\n${this.output}`);
      await pause(20);
    }
  }

  get #hasEnded(): boolean {
    return this.#child.exitCode !== null || this.#child.signalCode !== null;
  }

  kill(signal: NodeJS.Signals): void {
    this.#child.kill(signal);
  }

  async end(): Promise<void> {
    if (!this.#hasEnded) this.kill('SIGKILL');
    await this.#exited;
  }
}

const takesConnections = (port: number): Promise<boolean> =>
  new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1', () => resolve(true));
    socket.on('error', () => resolve(false)).on('connect', () => socket.destroy());
  });
