import { closeSync, fstatSync, openSync, readSync } from 'node:fs';
import type { HistoryEntry } from 'nest-transport/testing';

/** What processes write to a file, line by line, while it is read: each line is read once, however often one looks. */
export class Notes {
  readonly #descriptor: number;
  readonly #entries: HistoryEntry[] = [];
  readonly #handledIds = new Set<string>();
  #readBytes = 0;
  #rest = Buffer.alloc(0);

  /** Makes the file. */
  constructor(file: string) {
    this.#descriptor = openSync(file, 'w+');
  }

  get entries(): readonly HistoryEntry[] {
    this.#look();
    return this.#entries;
  }

  /** How many different messages were handled. */
  get handledCount(): number {
    this.#look();
    return this.#handledIds.size;
  }

  close(): void {
    closeSync(this.#descriptor);
  }

  #look(): void {
    const fresh = Buffer.alloc(fstatSync(this.#descriptor).size - this.#readBytes);
    this.#readBytes += readSync(this.#descriptor, fresh, 0, fresh.length, this.#readBytes);
    const bytes = Buffer.concat([this.#rest, fresh]);
    const end = bytes.lastIndexOf('\n') + 1;
    this.#rest = bytes.subarray(end);
    for (const line of bytes.toString('utf8', 0, end).split('\n')) if (line.endsWith('}')) this.#take(line);
  }

  /** n.b. a killed process may leave half a line, and then the next one writes on behind it. */
  #take(line: string): void {
    const entry = JSON.parse(line.slice(line.lastIndexOf('{'))) as HistoryEntry;
    this.#entries.push(entry);
    if (entry.what === 'handled') this.#handledIds.add(entry.id);
  }
}
