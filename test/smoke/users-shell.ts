import { spawnSync } from 'node:child_process';
import { delimiter, dirname } from 'node:path';

/**
 * What a user's shell has: nothing of this workspace, and npm told to take what the machine has.
 * @param node the program that `node` is there, for npm and every script with it
 */
export function usersShell(node: string): NodeJS.ProcessEnv {
  const own = Object.entries(process.env).filter(([name]) => !/^npm_|^NODE_(OPTIONS|ENV)$|^(VITEST|JEST)/.test(name));
  const quick = { prefer_offline: 'true', audit: 'false', fund: 'false', ignore_scripts: 'true', loglevel: 'error' };
  const settings = Object.entries(quick).map(([name, value]) => [`npm_config_${name}`, value]);
  const path = [dirname(node), process.env['PATH']].join(delimiter);
  return { ...Object.fromEntries([...own, ...settings]), PATH: path, NO_COLOR: '1' } as NodeJS.ProcessEnv;
}

/** Runs a command to its end as a user does, and returns what it printed. @throws Error with that, when it ended badly */
export function runAsUser(command: string, args: readonly string[], cwd: string, node = process.execPath): string {
  const options = { cwd, env: usersShell(node), encoding: 'utf8', input: '' } as const;
  const { status, stdout, stderr } = spawnSync(command, args, options);
  if (status === 0) return stdout + stderr;
  throw new Error(`${command} ${args.join(' ')} ended with ${status}:\n${stdout}${stderr}`);
}
