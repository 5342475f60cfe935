import { parseArgs } from 'node:util';

/** One flag a program takes. `value` names what follows it; without, the flag is on or off. */
export interface Flag {
  readonly about: string;
  readonly value?: string;
}

export type FlagValues<Flags extends Record<string, Flag>> = {
  readonly [Name in keyof Flags]?: (Flags[Name] extends { readonly value: string } ? string : boolean) | undefined;
};

/** What the user wrote cannot be done; the message is for the user, without a stack. */
export class UsageError extends Error {
  override readonly name = 'UsageError';
}

/** The exit code of a command that was not understood, as most shells' tools have it. */
export const USAGE_EXIT_CODE = 2;

/**
 * The flags in `argv`, both `--port 1` and `--port=1`.
 * @throws UsageError that names the flag and those there are
 */
export function readFlags<const Flags extends Record<string, Flag>>(
  program: string,
  flags: Flags,
  argv: readonly string[],
): FlagValues<Flags> {
  const options = Object.fromEntries(
    Object.entries(flags).map(([name, { value }]) => [name, { type: value === undefined ? 'boolean' : 'string' }]),
  ) as Record<string, { type: 'boolean' | 'string' }>;
  // strict: false, because Node's own sentences do not say which flags there are.
  const { tokens } = parseArgs({ args: [...argv], options, strict: false, tokens: true });
  const values: Record<string, string | boolean> = {};
  for (const token of tokens) {
    if (token.kind === 'option-terminator') continue;
    if (token.kind === 'positional') throw refusal(program, flags, `does not know what to do with "${token.value}"`);
    const flag = Object.hasOwn(flags, token.name) ? flags[token.name] : undefined;
    if (flag === undefined) throw refusal(program, flags, `has no flag "${token.rawName}"`);
    values[token.name] = valueOf(program, token.rawName, flag, token.value);
  }
  return values as FlagValues<Flags>;
}

function valueOf(program: string, rawName: string, flag: Flag, given: string | undefined): string | boolean {
  if (flag.value === undefined) {
    if (given === undefined) return true;
    throw new UsageError(`${program}: ${rawName} takes no value, got "${given}".`);
  }
  if (given === undefined || given === '' || given.startsWith('--')) {
    throw new UsageError(`${program}: ${rawName} needs a value: ${rawName} ${flag.value}.`);
  }
  return given;
}

function refusal(program: string, flags: Record<string, Flag>, what: string): UsageError {
  const known = Object.keys(flags).map((name) => `--${name}`);
  return new UsageError(`${program} ${what}. It takes ${known.join(', ')}.`);
}

/** The help text: one line a flag. */
export function describeFlags(command: string, flags: Record<string, Flag>): string {
  const rows = Object.entries(flags).map(([name, { value, about }]) => [`--${name} ${value ?? ''}`.trimEnd(), about]);
  const width = Math.max(...rows.map(([left = '']) => left.length)) + 2;
  return [`${command} [flags]`, '', ...rows.map(([left = '', about]) => `  ${left.padEnd(width)}${about}`), ''].join(
    '\n',
  );
}
