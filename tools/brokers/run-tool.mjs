import { spawn } from 'node:child_process';

const LINES_SHOWN = 5;

/**
 * Runs a tool to its end.
 * @param {string} command
 * @param {string[]} args
 * @param {{ cwd?: string, env?: NodeJS.ProcessEnv }} [options]
 * @returns {Promise<string | undefined>} undefined when all went well, else its last lines in one
 */
export async function runTool(command, args, options = {}) {
  const child = spawn(command, args, {
    ...options,
    stdio: ['ignore', 'pipe', 'pipe'],
    shell: process.platform === 'win32',
  });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk) => (output += String(chunk)));
  const code = await new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('close', resolve);
  });
  if (code === 0) return undefined;
  const last = output.trim().split('\n').slice(-LINES_SHOWN).join(' | ');
  return `${command} ended with code ${code}: ${last}`;
}
