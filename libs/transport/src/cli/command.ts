import type { CliSyntax } from './command-line.js';
import type { Terminal } from './terminal.js';

/** A command of `npx nest-transport`. Its file in `commands/` is added to the table in program.ts. */
export interface CliCommand<Given = object> extends CliSyntax {
  /** @returns the exit code: 0, or 1 where the result is not what was asked for */
  run(given: Given, terminal: Terminal, argument: string): Promise<number>;
}
