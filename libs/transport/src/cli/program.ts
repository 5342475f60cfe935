import { messageOf } from '../contract/index.js';
import { nearestName } from '../shared/index.js';
import { commandHelp, programHelp, readCommandLine, UsageError } from './command-line.js';
import type { CliCommand } from './command.js';
import { deadLetters } from './commands/dead-letters.js';
import { describe } from './commands/describe.js';
import type { Terminal } from './terminal.js';

const PROGRAM = 'nest-transport';
const ABOUT = 'Inspects a NestJS application that uses nest-transport, and works with its dead letters.';
const COMMANDS: readonly CliCommand[] = [describe, ...deadLetters];

/**
 * Runs one command line, without the name of the program. Never rejects for what a user did.
 * @returns the exit code: 0; 1 when the command failed or found something; 2 when the command line is wrong and nothing was done
 */
export async function run(args: readonly string[], terminal: Terminal): Promise<number> {
  try {
    return await runCommand(args[0] === 'help' ? [...args.slice(1), '--help'] : args, terminal);
  } catch (error) {
    const where = commandOf(args)?.name ?? args[0] ?? '';
    const isUsage = error instanceof UsageError;
    const more = isUsage ? `\nRun "${PROGRAM} ${commandOf(args) ? `${where} ` : ''}--help" for its options.` : '';
    const prefix = isUsage ? 'error' : `${PROGRAM} ${where}`;
    terminal.tell(`${prefix}: ${messageOf(error)}${more}\n`);
    return isUsage ? 2 : 1;
  }
}

async function runCommand(args: readonly string[], terminal: Terminal): Promise<number> {
  const command = commandOf(args);
  if (command === undefined) return showCommands(args, terminal);
  const { given, wantsHelp, argument = '' } = readCommandLine(command, args.slice(command.name.split(' ').length));
  if (!wantsHelp) return command.run(given, terminal, argument);
  terminal.write(commandHelp(PROGRAM, command));
  return 0;
}

const commandOf = (args: readonly string[]): CliCommand | undefined =>
  COMMANDS.find(({ name }) => name.split(' ').every((word, index) => args[index] === word));

/** Help where it was asked for; the same as an error where a command is missing. */
function showCommands([first, ...rest]: readonly string[], terminal: Terminal): number {
  const group = COMMANDS.filter(({ name }) => name.startsWith(`${first} `));
  const [commands, word, prefix] = group.length > 0 ? [group, rest[0], `${first} `] : [COMMANDS, first, ''];
  const isHelp = word === '--help' || word === '-h';
  if (word !== undefined && !isHelp) throw unknown(word, prefix, commands);
  const help = programHelp(PROGRAM, ABOUT, commands);
  if (isHelp) terminal.write(help);
  else terminal.tell(help);
  return isHelp ? 0 : 2;
}

function unknown(word: string, prefix: string, commands: readonly CliCommand[]): UsageError {
  if (word.startsWith('-')) return new UsageError(`unknown option '${word}' before the command`);
  const names = commands.map(({ name }) => name.slice(prefix.length).split(' ')[0] ?? '');
  const nearest = nearestName(word, names);
  const hint =
    nearest === undefined ? `. Commands: ${[...new Set(names)].join(', ')}` : `. Did you mean ${prefix}${nearest}?`;
  return new UsageError(`unknown command '${prefix}${word}'${hint}`);
}
