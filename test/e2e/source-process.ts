import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';

const ROOT = join(import.meta.dirname, '..', '..');
const FROM_SOURCE = [
  '--enable-source-maps',
  '--conditions=nest-transport:source',
  '--import',
  './tools/typescript-loader.mjs',
];

/** A program of this workspace, run from source as `npm run demo` and `nest start` do. */
export class SourceProcess {
  stdout = '';
  stderr = '';
  readonly #child: ChildProcess;
  readonly #exited: Promise<number | NodeJS.Signals>;
  #onOutput = (): void => undefined;

  /** @param env over this process's own; undefined takes a variable away */
  constructor(script: string, args: readonly string[], env: Record<string, string | undefined> = {}) {
    this.#child = spawn(process.execPath, [...FROM_SOURCE, script, ...args], {
      cwd: ROOT,
      env: { ...process.env, NODE_OPTIONS: undefined, NO_COLOR: '1', ...env },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    this.#child.stdout?.on('data', (data: Buffer) => this.#take('stdout', data));
    this.#child.stderr?.on('data', (data: Buffer) => this.#take('stderr', data));
    this.#exited = once(this.#child, 'close').then(([code, signal]) => (code ?? signal) as number | NodeJS.Signals);
  }

  /** The exit code, or the signal that ended it. */
  get exited(): Promise<number | NodeJS.Signals> {
    return this.#exited;
  }

  get lines(): readonly string[] {
    return this.stdout.trimEnd().split('\n');
  }

  /** Resolves with the match as soon as the output has it. @throws Error with the output when the program ends before */
  async printed(pattern: RegExp): Promise<RegExpExecArray> {
    const found = new Promise<RegExpExecArray>((resolve) => {
      this.#onOutput = () => {
        const match = pattern.exec(this.stdout) ?? pattern.exec(this.stderr);
        if (match !== null) resolve(match);
      };
      this.#onOutput();
    });
    const ended = this.#exited.then((how): never => {
      throw new Error(`It ended with ${how} before it printed ${pattern}.\n${this.stdout}\n${this.stderr}`);
    });
    return Promise.race([found, ended]);
  }

  kill(signal: NodeJS.Signals): void {
    this.#child.kill(signal);
  }

  /** For the end of a test, whatever happened in it. */
  async end(): Promise<void> {
    if (this.#child.exitCode === null && this.#child.signalCode === null) this.kill('SIGKILL');
    await this.#exited;
  }

  #take(stream: 'stdout' | 'stderr', data: Buffer): void {
    this[stream] += data.toString('utf8');
    this.#onOutput();
  }
}
