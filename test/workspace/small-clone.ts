import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { copyFileSync, cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const here = fileURLToPath(new URL('.', import.meta.url));
const root = join(here, '../..');

export interface Ended {
  readonly stdout: string;
  readonly stderr: string;
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

/** Our scripts in a folder of their own with one dependency and a fake npm: what a clone is to its first command. */
export class SmallClone {
  readonly folder = mkdtempSync(join(tmpdir(), 'nest-transport-clone-'));
  readonly #calls = join(this.folder, 'npm-calls');

  constructor() {
    cpSync(join(root, 'scripts'), join(this.folder, 'scripts'), { recursive: true });
    copyFileSync(join(here, 'fake-npm.mjs'), join(this.folder, 'npm-cli.js'));
    copyFileSync(join(here, 'fake-tsc.mjs'), join(this.folder, 'tsc.mjs'));
    this.write('package.json', { name: 'clone', private: true, type: 'module' });
    this.lock('6.0.0');
  }

  /** Writes a lockfile that wants this version. */
  lock(version: string): void {
    const elsewhere = { version: '1.0.0', optional: true, os: ['plan9'] };
    this.write('package-lock.json', {
      packages: { '': {}, 'node_modules/typescript': { version }, 'node_modules/for-another-platform': elsewhere },
    });
  }

  /** Starts the command that runs the fake program: `npm run typecheck -- <args>`. */
  start(args: readonly string[] = [], env: Readonly<Record<string, string>> = {}): ChildProcess {
    const npm = { npm_execpath: join(this.folder, 'npm-cli.js'), FAKE_NPM_CALLS: this.#calls };
    return spawn(process.execPath, ['scripts/run.mjs', 'typecheck', ...args], {
      cwd: this.folder,
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { ...process.env, ...npm, ...env },
    });
  }

  run(args: readonly string[] = [], env: Readonly<Record<string, string>> = {}): Promise<Ended> {
    return ended(this.start(args, env));
  }

  /** Lets an npm that is told to be slow go on. */
  letNpmGoOn(): void {
    writeFileSync(join(this.folder, 'go-on'), '');
  }

  /** How npm was called so far. */
  npmCalls(): { args: string[]; config: string[] }[] {
    const lines = readFileSync(this.#calls, { encoding: 'utf8', flag: 'a+' }).split('\n').filter(Boolean);
    return lines.map((line) => JSON.parse(line) as { args: string[]; config: string[] });
  }

  remove(path = ''): void {
    rmSync(join(this.folder, path), { recursive: true, force: true });
  }

  private write(name: string, content: object): void {
    writeFileSync(join(this.folder, name), `${JSON.stringify(content)}\n`);
  }
}

export async function ended(child: ChildProcess): Promise<Ended> {
  let stdout = '';
  let stderr = '';
  child.stdout?.on('data', (chunk) => (stdout += String(chunk)));
  child.stderr?.on('data', (chunk) => (stderr += String(chunk)));
  const [code, signal] = (await once(child, 'close')) as [number | null, NodeJS.Signals | null];
  return { stdout, stderr, code, signal };
}

/** Resolves when the child has said this on stderr, which is read on. */
export function says(child: ChildProcess, text: string): Promise<void> {
  let seen = '';
  return new Promise((resolve, reject) => {
    child.stderr?.on('data', (chunk) => (seen += String(chunk)).includes(text) && resolve());
    child.once('close', () => reject(new Error(`The program ended without "${text}"; it printed: ${seen}`)));
  });
}

/** Resolves when the child has printed this; nothing is read after that. */
export async function printed(stream: NodeJS.ReadableStream | null, text: string): Promise<void> {
  let seen = '';
  for await (const chunk of stream ?? []) {
    seen += String(chunk);
    if (seen.includes(text)) return;
  }
  throw new Error(`The program ended without "${text}"; it printed: ${seen}`);
}
