import { parseArgs } from 'node:util';
import { nearestName } from '../shared/index.js';

/** An option of a command, by its long name in the table. */
export interface CliOption {
  readonly about: string;
  /** One letter: `-a`. */
  readonly short?: string;
  /** What the help shows as its value, `<file>`. Absent: the option is a flag. */
  readonly value?: string;
  /** May be given several times. @default false */
  readonly multiple?: boolean;
  /** Converts and checks the text of a value. @throws UsageError that says what is accepted */
  parse?(text: string): unknown;
}

/** What a command accepts. */
export interface CliSyntax {
  /** `describe`, or with its group `dead-letters list`. */
  readonly name: string;
  readonly about: string;
  /** The one positional argument; required where it is declared. */
  readonly argument?: { readonly name: string; readonly about: string };
  /** By long name, in the order of the help. The values are read under the same names in camel case. */
  readonly options: Readonly<Record<string, CliOption>>;
}

/** The command line itself is wrong: nothing was done, and the exit code is 2. */
export class UsageError extends Error {
  override readonly name = 'UsageError';
}

export interface CommandLine {
  readonly argument: string | undefined;
  /** Options that were given, in camel case: `true`, what `parse` returned, or a list of it. */
  readonly given: Readonly<Record<string, unknown>>;
  readonly wantsHelp: boolean;
}

const HELP: CliOption = { short: 'h', about: 'shows this help' };

/**
 * Reads the arguments of one command.
 * @throws UsageError for an unknown option, a value that is missing or invalid, and a missing or superfluous argument
 */
export function readCommandLine(syntax: CliSyntax, args: readonly string[]): CommandLine {
  const options = withHelp(syntax);
  const { tokens, positionals } = parseArgs({
    args: [...args],
    options: Object.fromEntries(Object.entries(options).map(([name, option]) => [name, declared(option)])),
    // Why: our own errors name the nearest option, and show what a value should look like.
    strict: false,
    tokens: true,
  });
  const given: Record<string, unknown> = {};
  for (const token of tokens) if (token.kind === 'option') take(token, options, given);
  const wantsHelp = given['help'] === true;
  return { given, wantsHelp, argument: wantsHelp ? undefined : onlyArgument(syntax, positionals) };
}

const withHelp = ({ options }: CliSyntax): Readonly<Record<string, CliOption>> => ({ ...options, help: HELP });

const declared = ({ value, short }: CliOption) => ({
  type: value === undefined ? ('boolean' as const) : ('string' as const),
  ...(short === undefined ? {} : { short }),
});

interface OptionToken {
  readonly name: string;
  readonly rawName: string;
  readonly value?: string | undefined;
  readonly inlineValue?: boolean | undefined;
}

function take(token: OptionToken, options: Readonly<Record<string, CliOption>>, given: Record<string, unknown>): void {
  const option = Object.hasOwn(options, token.name) ? options[token.name] : undefined;
  if (option === undefined) throw unknownOption(token.rawName, options);
  const value = valueOf(token, option);
  const name = token.name.replace(/-(\w)/g, (_dash, letter: string) => letter.toUpperCase());
  given[name] = option.multiple ? [...((given[name] as unknown[] | undefined) ?? []), value] : value;
}

function valueOf(token: OptionToken, option: CliOption): unknown {
  const shown = optionText(token.name, option);
  if (option.value === undefined) {
    if (token.value === undefined) return true;
    throw new UsageError(`option '${shown}' takes no value, got '${token.value}'`);
  }
  if (token.value === undefined) throw new UsageError(`option '${shown}' needs a value`);
  if (!token.inlineValue && token.value.length > 1 && token.value.startsWith('-'))
    throw new UsageError(`option '${shown}' needs a value; write --${token.name}=${token.value} if that is the value`);
  return parsed(shown, token.value, option);
}

function parsed(shown: string, text: string, { parse }: CliOption): unknown {
  try {
    return parse === undefined ? text : parse(text);
  } catch (error) {
    if (!(error instanceof UsageError)) throw error;
    throw new UsageError(`option '${shown}' argument '${text}' is invalid. ${error.message}`);
  }
}

function unknownOption(rawName: string, options: Readonly<Record<string, CliOption>>): UsageError {
  const nearest = nearestName(rawName.replace(/^-+/, ''), Object.keys(options));
  return new UsageError(`unknown option '${rawName}'${nearest === undefined ? '' : `. Did you mean --${nearest}?`}`);
}

function onlyArgument({ argument }: CliSyntax, positionals: readonly string[]): string | undefined {
  const superfluous = positionals[argument === undefined ? 0 : 1];
  if (superfluous !== undefined) throw new UsageError(`unexpected argument '${superfluous}'`);
  if (argument !== undefined && positionals[0] === undefined)
    throw new UsageError(`missing required argument '${argument.name}'`);
  return positionals[0];
}

/** The help of one command. */
export function commandHelp(program: string, syntax: CliSyntax): string {
  const { name, about, argument } = syntax;
  const usage = `Usage: ${program} ${name} [options]${argument === undefined ? '' : ` <${argument.name}>`}`;
  const options = Object.entries(withHelp(syntax)).map(
    ([long, option]) => [optionText(long, option), option.about] as const,
  );
  const sections = [
    ...(argument === undefined ? [] : [section('Arguments', [[argument.name, argument.about]])]),
    section('Options', options),
  ];
  return [usage, wrapped(about, ''), ...sections].join('\n\n') + '\n';
}

/** The help of the program, or of a group of its commands. */
export function programHelp(program: string, about: string, commands: readonly CliSyntax[]): string {
  const list = commands.map((each) => [each.name, each.about] as const);
  return [
    `Usage: ${program} <command> [options]`,
    wrapped(about, ''),
    section('Commands', list),
    `Run "${program} <command> --help" for the options of a command.`,
  ]
    .join('\n\n')
    .concat('\n');
}

const optionText = (name: string, { short, value }: CliOption): string =>
  `${short === undefined ? '' : `-${short}, `}--${name}${value === undefined ? '' : ` ${value}`}`;

function section(title: string, rows: readonly (readonly [string, string])[]): string {
  const width = Math.max(...rows.map(([name]) => name.length));
  const lines = rows.map(([name, about]) => `  ${name.padEnd(width)}  ${wrapped(about, ' '.repeat(width + 4))}`);
  return [`${title}:`, ...lines].join('\n');
}

const LINE = 100;

/** Words in lines of at most 100 characters; all lines but the first start with `indent`. */
function wrapped(text: string, indent: string): string {
  const lines = [''];
  for (const word of text.split(' ')) {
    const line = lines.at(-1) ?? '';
    if (line !== '' && indent.length + line.length + 1 + word.length > LINE) lines.push(word);
    else lines[lines.length - 1] = line === '' ? word : `${line} ${word}`;
  }
  return lines.join(`\n${indent}`);
}
