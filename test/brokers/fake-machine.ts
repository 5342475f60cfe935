import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** A machine that has only the tools that a test gives it, and a cache of its own. */
export class FakeMachine {
  readonly folder = mkdtempSync(join(tmpdir(), 'nest-transport-machine-'));
  readonly cache = join(this.folder, 'cache', 'nest-transport');
  readonly #bin = join(this.folder, 'bin');

  constructor() {
    mkdirSync(this.#bin);
  }

  tool(name: string, script: string): void {
    writeFileSync(join(this.#bin, name), `#!/bin/sh\n${script}\n`);
    chmodSync(join(this.#bin, name), 0o755);
  }

  removeTool(name: string): void {
    rmSync(join(this.#bin, name));
  }

  /** How often a tool noted that it ran: `echo run >> "${machine.folder}/runs"`. */
  get runs(): number {
    const notes = join(this.folder, 'runs');
    return existsSync(notes) ? readFileSync(notes, 'utf8').split('\n').length - 1 : 0;
  }

  /** What a program on this machine sees that calls a function of a module beside this file: its answer, or the error. */
  async call(module: string, call: string): Promise<{ answer: string; log: string }> {
    const file = fileURLToPath(new URL(module, new URL('../../tools/brokers/', import.meta.url)));
    const script = `const module = await import(${JSON.stringify(file)});
      console.log(await module.${call}.catch((error) => error.name + ': ' + error.message));`;
    const program = spawn(process.execPath, ['--input-type=module', '-e', script], {
      stdio: ['ignore', 'pipe', 'pipe'],
      // The real mkdir and kill lie in /bin; the machine's own java, mvn, go and kcat do not.
      env: { PATH: `${this.#bin}:${this.shellTools()}`, XDG_CACHE_HOME: join(this.folder, 'cache') },
    });
    let answer = '';
    let log = '';
    program.stdout.on('data', (chunk) => (answer += String(chunk)));
    program.stderr.on('data', (chunk) => (log += String(chunk)));
    await once(program, 'close');
    return { answer: answer.trim(), log };
  }

  remove(): void {
    rmSync(this.folder, { recursive: true, force: true });
  }

  /** A folder with what a shell script needs and nothing else. */
  private shellTools(): string {
    const folder = join(this.folder, 'shell');
    mkdirSync(folder, { recursive: true });
    for (const name of ['mkdir', 'kill']) {
      writeFileSync(join(folder, name), `#!/bin/sh\nexec /bin/${name} "$@"\n`);
      chmodSync(join(folder, name), 0o755);
    }
    return folder;
  }
}
