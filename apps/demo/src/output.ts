/** Where the demo's words go. With `--json` stdout belongs to the one line at the end. */
export class Output {
  constructor(private readonly json: boolean) {}

  say(text: string): void {
    (this.json ? process.stderr : process.stdout).write(`${text}\n`);
  }

  /** The machine's line, the last one of stdout. */
  result(value: object): void {
    if (this.json) process.stdout.write(`${JSON.stringify(value)}\n`);
  }
}
