/** Where a command writes. What the loaded application prints goes elsewhere, so that a result can be piped. */
export interface Terminal {
  /** The result: to stdout. */
  write(text: string): void;
  /** Messages for the reader in addition to the result: to stderr. */
  tell(text: string): void;
  /** Whether the result may have colours. @default false */
  readonly colours?: boolean;
  /** Shows the progress of a long operation on a line that the next one replaces; an empty text removes it. Undefined without a terminal. */
  progress?(text: string): void;
}

/** The terminal of this process. Whatever else is written to stdout from now on, by the application that is loaded, goes to stderr. */
export function takeTerminal(): Terminal & { end(code: number): void } {
  const out = process.stdout.write.bind(process.stdout);
  const err = process.stderr.write.bind(process.stderr);
  const { isTTY: isShown } = process.stderr as { readonly isTTY?: boolean };
  process.stdout.write = err as typeof process.stdout.write;
  return {
    write: (text) => void out(text),
    tell: (text) => void err(text),
    // hasColors respects NO_COLOR and FORCE_COLOR.
    colours: (process.stdout as { readonly isTTY?: boolean }).isTTY === true && process.stdout.hasColors(),
    ...(isShown === true ? { progress: (text: string) => void err(`\r\u001b[K${text}`) } : {}),
    // Connections of the application's providers would keep the process alive, so it exits after stdout is flushed.
    end: (code) => void out('', () => process.exit(code)),
  };
}
