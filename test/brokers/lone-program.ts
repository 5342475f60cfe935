import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readdirSync, readlinkSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';

/** A program of its own that starts a private broker and then only waits. */
export interface LoneProgram {
  readonly process: ChildProcess;
  /** Of every server that it started. */
  readonly folders: string[];
}

/**
 * @param module from tools/brokers: "./nats.mjs"
 * @param start what to call: "startNats()"
 * @param logFiles of what it returns, named `broker`: "[broker.logFile]"
 */
export async function loneProgram(module: string, start: string, logFiles: string): Promise<LoneProgram> {
  const script = `const module = await import(${JSON.stringify(fileURLToPath(new URL(module, new URL('../../tools/brokers/', import.meta.url))))});
    const { dirname } = await import('node:path');
    const broker = await module.${start};
    console.log(JSON.stringify((${logFiles}).map((file) => dirname(file))));
    setInterval(() => {}, 1e6);`;
  const program = spawn(process.execPath, ['--input-type=module', '-e', script], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const [line] = (await once(createInterface({ input: program.stdout }), 'line')) as [string];
  return { process: program, folders: JSON.parse(line) as string[] };
}

/** Ends the program by a signal and returns when it has ended, whatever it has left behind. */
export async function endBy(program: LoneProgram, signal: NodeJS.Signals): Promise<void> {
  program.process.kill(signal);
  await once(program.process, 'exit');
}

/** Processes that run in a folder, and the folder itself: everything that a private broker is made of. */
export function tracesOf(folders: readonly string[]): string[] {
  const running = readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map((pid) => ({ pid, cwd: folderOf(pid) }))
    .filter(({ cwd }) => folders.some((folder) => cwd.startsWith(folder)));
  const left = folders.filter((folder) => existsSync(folder));
  return [...running.map(({ pid, cwd }) => `process ${pid} in ${cwd}`), ...left];
}

function folderOf(pid: string): string {
  try {
    return readlinkSync(`/proc/${pid}/cwd`);
  } catch {
    return '';
  }
}

/** For what tells no event: a process that is not our child has ended, or a folder has gone. */
export async function until(fact: () => boolean | Promise<boolean>, timeoutMs = 15_000): Promise<void> {
  for (const deadline = Date.now() + timeoutMs; !(await fact()); await sleep(50)) {
    if (Date.now() > deadline) throw new Error(`Not true within ${timeoutMs} ms: ${fact.toString()}`);
  }
}
