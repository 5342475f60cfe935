import { writeFileSync } from 'node:fs';

/** How an operator's actions ended with one broker: the rows of docs/reliability.md. */
export class OperatorTable {
  readonly #broker: string;
  readonly #rows: string[] = [];

  constructor(broker: string) {
    this.#broker = broker;
  }

  add(action: string, outcome: string, seconds: string): void {
    this.#rows.push(`| ${this.#broker} | ${action} | ${outcome} | ${seconds} |`);
  }

  /** Writes the rows where OPERATOR_TABLE says. */
  save(): void {
    const file = process.env['OPERATOR_TABLE'];
    if (file === undefined) return;
    writeFileSync(file, ['| broker | action | outcome | seconds |', '|---|---|---|---|', ...this.#rows, ''].join('\n'));
  }
}
