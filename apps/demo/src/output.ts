import { styleText } from 'node:util';

/** Puts a text into the colours of a terminal. */
export type Colours = (style: 'bold' | 'green' | 'red' | 'cyan', text: string) => string;

export const coloursOf = (areWanted: boolean): Colours =>
  areWanted ? (style, text) => styleText(style, text, { validateStream: false }) : (_style, text) => text;

/** Where the demo's words go. With `--json` stdout belongs to the one line at the end. */
export class Output {
  /** The terminal's colours; none in a pipe, and none with NO_COLOR. */
  readonly colours: Colours;

  constructor(private readonly json: boolean) {
    const stream = json ? process.stderr : process.stdout;
    this.colours = coloursOf(stream.isTTY && stream.hasColors());
  }

  say(text: string): void {
    (this.json ? process.stderr : process.stdout).write(`${text}\n`);
  }

  /** The machine's line, the last one of stdout. */
  result(value: object): void {
    if (this.json) process.stdout.write(`${JSON.stringify(value)}\n`);
  }
}
