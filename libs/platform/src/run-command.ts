import { USAGE_EXIT_CODE, UsageError } from './command-line.js';

/** Runs a program's main and ends with a sentence, not with a stack, when the user asked for what cannot be done. */
export async function runCommand(main: () => Promise<void>): Promise<void> {
  try {
    await main();
  } catch (error) {
    if (!(error instanceof UsageError)) throw error;
    process.stderr.write(`${error.message}\n`);
    process.exitCode = USAGE_EXIT_CODE;
  }
}
