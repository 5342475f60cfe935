import { Command, CommanderError } from 'commander';
import { messageOf } from '../contract/index.js';
import { deadLetters } from './commands/dead-letters.js';
import { describe } from './commands/describe.js';
import type { Terminal } from './terminal.js';

/**
 * A command of `npx nest-transport`, in a file of its own in `commands/`.
 * It adds itself to the program; its action gives the exit code.
 */
export type CliCommand = (program: Command, terminal: Terminal, ends: (code: number) => void) => void;

const COMMANDS: readonly CliCommand[] = [describe, deadLetters];

/** Runs one command line, without the name of the program. Resolves with the exit code; never rejects for what a user did. */
export async function run(args: readonly string[], terminal: Terminal): Promise<number> {
  let code = 0;
  const program = new Command('nest-transport')
    .description('Looks at a NestJS application that uses nest-transport, and works with its dead letters.')
    .exitOverride()
    .configureOutput({ writeOut: terminal.write, writeErr: terminal.tell })
    .showHelpAfterError('(--help tells more)');
  for (const command of COMMANDS) command(program, terminal, (ended) => (code = ended));
  try {
    await program.parseAsync(args, { from: 'user' });
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode;
    terminal.tell(`nest-transport ${args[0] ?? ''}: ${messageOf(error)}\n`);
    return 1;
  }
  return code;
}
